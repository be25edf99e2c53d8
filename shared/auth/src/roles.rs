//! What each role may do, as data. `default_roles.rs` is the table to read.
//! Settings may replace the entry of a role or add a role.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    default_roles::{DEFAULT_ROLES, DefaultRole},
    key::SetupError,
};

/// Runs the installation. No outside issuer grants it unless its settings say
/// so.
pub const ADMIN: &str = "admin";
/// The vendor's own platform teams. No outside issuer grants it unless its
/// settings say so.
pub const PLATFORM: &str = "platform";
/// A service of the suite that acts on its own. No issuer can grant it.
pub const SERVICE: &str = "service";

/// Nouns that `*` does not include: personal data, and the audit trail, which
/// shows what everybody did. A role has them only if its entry names them.
pub(crate) const NAMED_ONLY: [&str; 2] = ["persons", "events"];

/// Roles and their permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeMap<String, Vec<Pattern>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    noun: String,
    verb: String,
}

impl Pattern {
    fn read(text: &str) -> Option<Self> {
        let (noun, verb) = text.split_once('.')?;
        let part = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()));
        (part(noun) && part(verb)).then(|| Self { noun: noun.to_owned(), verb: verb.to_owned() })
    }

    fn covers(&self, noun: &str, verb: &str) -> bool {
        let noun_fits = self.noun == noun || (self.noun == "*" && !NAMED_ONLY.contains(&noun));
        noun_fits && (self.verb == "*" || self.verb == verb)
    }
}

impl Roles {
    /// The built-in table.
    #[must_use]
    pub fn standard() -> Self {
        Self(DEFAULT_ROLES.iter().map(|role| (role.0.to_owned(), patterns(role))).collect())
    }

    /// The built-in table, with entries of these roles replaced or added.
    ///
    /// # Errors
    /// If a permission is not `noun.verb`, `noun.*`, `*.verb` or `*.*`.
    pub fn with<'a>(changes: impl IntoIterator<Item = (&'a String, &'a Vec<String>)>) -> Result<Self, SetupError> {
        let mut roles = Self::standard();
        for (role, permissions) in changes {
            let wrong = |p: &String| SetupError(format!("role {role}: `{p}` must be `noun.verb`, `noun.*`, `*.verb` or `*.*`"));
            let patterns: Result<Vec<Pattern>, SetupError> = permissions.iter().map(|p| Pattern::read(p).ok_or_else(|| wrong(p))).collect();
            roles.0.insert(role.clone(), patterns?);
        }
        Ok(roles)
    }

    /// Names of all roles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether the role exists.
    #[must_use]
    pub fn knows(&self, role: &str) -> bool {
        self.0.contains_key(role)
    }

    /// Roles that an issuer may grant if its settings name none.
    pub(crate) fn grantable(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|role| ![ADMIN, PLATFORM, SERVICE].contains(role))
    }

    /// Whether one role grants a permission, `noun.verb`.
    #[must_use]
    pub fn grants(&self, role: &str, permission: &str) -> bool {
        let Some((noun, verb)) = permission.split_once('.') else { return false };
        self.0.get(role).is_some_and(|patterns| patterns.iter().any(|p| p.covers(noun, verb)))
    }

    /// Whether any of a caller's roles grants a permission.
    #[must_use]
    pub fn allow(&self, roles: &BTreeSet<String>, permission: &str) -> bool {
        roles.iter().any(|role| self.grants(role, permission))
    }

    /// Entries, as `role noun.verb`, that match none of these permissions: a
    /// misspelled noun grants nothing and appears here.
    #[must_use]
    pub fn idle(&self, permissions: &BTreeSet<String>) -> Vec<String> {
        let mut idle = Vec::new();
        for (role, patterns) in &self.0 {
            for pattern in patterns {
                let used = permissions.iter().filter_map(|p| p.split_once('.')).any(|(noun, verb)| pattern.covers(noun, verb));
                if !used {
                    idle.push(format!("{role} {}.{}", pattern.noun, pattern.verb));
                }
            }
        }
        idle
    }
}

/// The patterns of a default role: every verb of an entry with every noun.
fn patterns((_, entries): &DefaultRole) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (verbs, nouns) in *entries {
        for verb in verbs.split(' ') {
            patterns.extend(nouns.split(' ').map(|noun| Pattern { noun: noun.to_owned(), verb: verb.to_owned() }));
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    /// Together with the tests of the matrix, which find permissions that no
    /// role grants, this shows that the nouns and verbs of the table are those
    /// of the proto files.
    #[test]
    fn every_entry_of_the_table_is_a_permission_that_a_method_asks_for() {
        let idle = Roles::standard().idle(&Rules::of_api().unwrap().permissions());
        assert!(idle.is_empty(), "no method asks for these: {idle:?}");
    }

    #[test]
    fn the_table_has_every_role_once() {
        let names: Vec<&str> = DEFAULT_ROLES.iter().map(|(role, _)| *role).collect();
        assert_eq!(Roles::standard().names().count(), names.len(), "a role is listed twice");
        for role in
            "admin channel_ops cam marketing finance analyst partner_admin partner_user connector platform auditor service".split(' ')
        {
            assert!(names.contains(&role), "{role}");
        }
    }

    #[test]
    fn the_table_says_what_it_should() {
        let roles = Roles::standard();
        let may =
            |role: &str, permissions: &str| permissions.split(' ').for_each(|p| assert!(roles.grants(role, p), "{role} should have {p}"));
        let may_not =
            |role: &str, permissions: &str| permissions.split(' ').for_each(|p| assert!(!roles.grants(role, p), "{role} has {p}"));

        may("admin", "deals.decide mdfClaims.pay persons.delete events.read events.replay anything.new");
        may(
            "channel_ops",
            "programs.write enrollments.write deals.decide mdfRequests.decide tenantSettings.write persons.read ledgerTransactions.read",
        );
        may_not(
            "channel_ops",
            "mdfClaims.decide mdfClaims.pay commissionRules.write exchangeRates.write ledgerTransactions.write events.read events.replay",
        );
        may("cam", "deals.write deals.decide prospects.write onboardingPlans.write partners.read");
        may_not("cam", "programs.write enrollments.write mdfRequests.decide commissionRules.read tenantSettings.write events.read");
        may("marketing", "marketingCampaigns.decide mdfRequests.decide mdfClaims.read partners.read");
        may_not("marketing", "mdfClaims.decide deals.write commissions.read");
        may("finance", "mdfClaims.decide mdfClaims.pay exchangeRates.write ledgerTransactions.read deals.read");
        may_not("finance", "deals.write programs.write persons.read events.read");
        may("analyst", "deals.read networkQuality.read ledgerTransactions.read");
        may_not("analyst", "deals.write persons.read events.read");
        may(
            "partner_admin",
            "deals.write agreements.sign mdfClaims.write courses.read persons.write portalActivities.write commissions.read",
        );
        may_not(
            "partner_admin",
            "deals.decide agreements.write prospects.read tenantSettings.read mdfBudgets.read ledgerTransactions.read networkQuality.read",
        );
        may("partner_user", "deals.write courseCompletions.write marketingCampaigns.write");
        may_not("partner_user", "agreements.sign persons.write deals.decide");
        may("connector", "crmSync.push crmConnectors.read partners.read");
        may_not("connector", "deals.read partners.write persons.read crmConnectors.write");
        may("platform", "deals.read deals.write");
        may_not("platform", "deals.decide agreements.sign mdfClaims.pay persons.delete events.replay persons.read");
        may("auditor", "deals.read events.read");
        may_not("auditor", "deals.write events.replay persons.read");
        may("service", "partners.read persons.read");
        may_not("service", "deals.write events.read");
    }

    #[test]
    fn settings_replace_and_add_roles() {
        let change =
            |role: &str, permissions: &[&str]| BTreeMap::from([(role.to_owned(), permissions.iter().map(|p| (*p).to_owned()).collect())]);
        let roles = Roles::with(&change("cam", &["deals.read"])).unwrap();
        assert!(roles.grants("cam", "deals.read") && !roles.grants("cam", "deals.write") && roles.grants("analyst", "deals.read"));
        let roles = Roles::with(&change("deal_desk", &["deals.*"])).unwrap();
        assert!(roles.grants("deal_desk", "deals.decide") && roles.grantable().any(|r| r == "deal_desk"));
        assert!(Roles::with(&change("desk", &["deals"])).is_err());
        assert!(!roles.grants("nobody", "deals.read") && !roles.grants("admin", "deals"));
    }

    #[test]
    fn entries_that_grant_nothing_show_up() {
        let roles = Roles::with(&BTreeMap::from([("desk".to_owned(), vec!["deals.read".to_owned(), "dales.write".to_owned()])])).unwrap();
        let idle = roles.idle(&BTreeSet::from(["deals.read".to_owned()]));
        assert!(idle.contains(&"desk dales.write".to_owned()) && !idle.contains(&"desk deals.read".to_owned()));
    }
}
