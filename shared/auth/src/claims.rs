//! The claims of a token, before any of them is trusted.

use serde_json::{Map, Value, json};
use stoa_config::ClaimNames;
use stoa_kernel::Result;

use crate::refusal::invalid;

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Subject.
    pub sub: String,
    /// Audiences.
    pub aud: Vec<String>,
    /// End of validity, in seconds since 1970.
    pub exp: i64,
    /// Start of validity, in seconds since 1970.
    pub nbf: Option<i64>,
    /// Tenant.
    pub tenant: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Partner that the caller belongs to, as the token states it.
    pub partner: Option<String>,
    /// Connector registration, as the token states it.
    pub connector: Option<String>,
    /// The user that a service acts for.
    pub act: Option<Act>,
}

/// The user that a service acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// `persons/{person}`, or an outside service.
    pub sub: String,
    /// Issuer of the user's token. Empty if the service that signed does not
    /// state it.
    pub iss: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// The user's partner.
    pub partner: Option<String>,
    /// The user's connector registration.
    pub connector: Option<String>,
}

impl Claims {
    /// Reads claims by the names that an issuer gives them.
    pub(crate) fn read(map: &Map<String, Value>, names: &ClaimNames) -> Result<Self> {
        Ok(Self {
            iss: text(map, "iss")?,
            sub: text(map, &names.subject)?,
            aud: texts(map, "aud", false)?,
            exp: seconds(map, "exp")?.ok_or_else(|| missing("exp"))?,
            nbf: seconds(map, "nbf")?,
            tenant: text(map, &names.tenant)?,
            roles: texts(map, &names.roles, true)?,
            partner: optional(map, &names.partner)?,
            connector: optional(map, &names.connector)?,
            act: None,
        })
    }

    /// Reads the claims of a service's token. Only such a token may have an
    /// empty tenant: a service that reads another's log has none.
    pub(crate) fn read_service(map: &Map<String, Value>) -> Result<Self> {
        let act = match map.get("act") {
            None => None,
            Some(Value::Object(act)) => Some(Act {
                sub: text(act, "sub")?,
                iss: optional(act, "iss")?.unwrap_or_default(),
                roles: texts(act, "roles", true)?,
                partner: optional(act, "partner")?,
                connector: optional(act, "connector")?,
            }),
            Some(_) => return Err(wrong("act")),
        };
        Ok(Self {
            iss: text(map, "iss")?,
            sub: text(map, "sub")?,
            aud: texts(map, "aud", false)?,
            exp: seconds(map, "exp")?.ok_or_else(|| missing("exp"))?,
            nbf: seconds(map, "nbf")?,
            tenant: map.get("tenant").and_then(Value::as_str).ok_or_else(|| missing("tenant"))?.to_owned(),
            roles: Vec::new(),
            partner: None,
            connector: None,
            act,
        })
    }

    /// The claims as they are signed, under the default names.
    pub(crate) fn json(&self) -> Value {
        let mut map = Map::new();
        map.insert("iss".to_owned(), json!(self.iss));
        map.insert("sub".to_owned(), json!(self.sub));
        map.insert("aud".to_owned(), json!(self.aud));
        map.insert("exp".to_owned(), json!(self.exp));
        map.insert("tenant".to_owned(), json!(self.tenant));
        if let Some(nbf) = self.nbf {
            map.insert("nbf".to_owned(), json!(nbf));
        }
        if !self.roles.is_empty() {
            map.insert("roles".to_owned(), json!(self.roles));
        }
        put_scope(&mut map, self.partner.as_ref(), self.connector.as_ref());
        if let Some(act) = &self.act {
            let mut inner = Map::new();
            inner.insert("sub".to_owned(), json!(act.sub));
            if !act.iss.is_empty() {
                inner.insert("iss".to_owned(), json!(act.iss));
            }
            inner.insert("roles".to_owned(), json!(act.roles));
            put_scope(&mut inner, act.partner.as_ref(), act.connector.as_ref());
            map.insert("act".to_owned(), Value::Object(inner));
        }
        Value::Object(map)
    }
}

fn put_scope(map: &mut Map<String, Value>, partner: Option<&String>, connector: Option<&String>) {
    for (key, value) in [("partner", partner), ("connector", connector)] {
        if let Some(value) = value {
            map.insert(key.to_owned(), json!(value));
        }
    }
}

fn missing(name: &str) -> stoa_kernel::Error {
    invalid(format!("the token has no `{name}`. Ask its issuer for one that has it."))
}

fn wrong(name: &str) -> stoa_kernel::Error {
    invalid(format!("the token's `{name}` has the wrong type"))
}

fn text(map: &Map<String, Value>, name: &str) -> Result<String> {
    optional(map, name)?.ok_or_else(|| missing(name))
}

fn optional(map: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        // An empty value is refused: treating it as absent would widen the
        // scope.
        Some(Value::String(text)) if text.is_empty() => Err(invalid(format!("the token's `{name}` is empty"))),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name)),
    }
}

/// A list of strings, or one string, split at spaces if `spaced`.
fn texts(map: &Map<String, Value>, name: &str, spaced: bool) -> Result<Vec<String>> {
    match map.get(name) {
        None | Some(Value::Null) if spaced => Ok(Vec::new()),
        None | Some(Value::Null) => Err(missing(name)),
        Some(Value::String(text)) if spaced => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => items.iter().map(|i| i.as_str().map(str::to_owned).ok_or_else(|| wrong(name))).collect(),
        Some(_) => Err(wrong(name)),
    }
}

fn seconds(map: &Map<String, Value>, name: &str) -> Result<Option<i64>> {
    match map.get(name) {
        None => Ok(None),
        // RFC 7519 allows fractions; the fraction of a second does not matter.
        Some(value) => {
            let whole = value.as_i64().or_else(|| value.as_f64().filter(|n| n.abs() < 1e15).map(|n| n.floor() as i64));
            whole.map(Some).ok_or_else(|| wrong(name))
        }
    }
}
