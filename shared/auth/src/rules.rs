//! The rule of each method. A method that is not in the table is refused.

use std::collections::{BTreeMap, BTreeSet};

use stoa_proto::describe;

use crate::key::SetupError;

/// Who may call a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Anybody, without a token.
    Public,
    /// Any caller with a token.
    Authenticated,
    /// Services of the suite.
    Internal,
    /// Callers whose roles grant the permission.
    Permission(String),
    /// Whoever has a signed link that grants the permission.
    Signed {
        /// `noun.verb`.
        permission: String,
        /// Whether the request has to be signed, too.
        webhook: bool,
    },
}

/// Third-party methods that the server offers, each by its full path.
const FOREIGN: [(&str, Rule); 4] = [
    ("/grpc.health.v1.Health/Check", Rule::Public),
    ("/grpc.health.v1.Health/Watch", Rule::Public),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Rule::Authenticated),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Rule::Authenticated),
];

/// Rules by path, `/package.Service/Method`.
#[derive(Debug, Clone)]
pub struct Rules(BTreeMap<String, Rule>);

impl Rules {
    /// The rules in the proto files, and those for health and reflection.
    ///
    /// # Errors
    /// If a method of ours has no rule: the process must not start.
    pub fn of_api() -> Result<Self, SetupError> {
        let mut open = Vec::new();
        let mut rules = BTreeMap::from(FOREIGN.map(|(path, rule)| (path.to_owned(), rule)));
        for method in describe::methods() {
            let path = describe::path(&method);
            let rule = match describe::access(&method) {
                describe::Access::None => {
                    open.push(path);
                    continue;
                }
                describe::Access::Public => Rule::Public,
                describe::Access::Internal => Rule::Internal,
                describe::Access::Permission(permission) => Rule::Permission(permission),
                describe::Access::Signed { permission, webhook } => Rule::Signed { permission, webhook },
            };
            rules.insert(path, rule);
        }
        if open.is_empty() { Ok(Self(rules)) } else { Err(SetupError(format!("these methods have no access option: {}", open.join(", ")))) }
    }

    /// Rules of a table, for tests of other layers.
    pub fn from_table(table: impl IntoIterator<Item = (String, Rule)>) -> Self {
        Self(table.into_iter().collect())
    }

    /// The rule of a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Rule> {
        self.0.get(path)
    }

    /// All rules, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.0.iter().map(|(path, rule)| (path.as_str(), rule))
    }

    /// All permissions that methods require.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<String> {
        let permission = |rule: &Rule| match rule {
            Rule::Permission(permission) => Some(permission.clone()),
            _ => None,
        };
        self.0.values().filter_map(permission).collect()
    }
}
