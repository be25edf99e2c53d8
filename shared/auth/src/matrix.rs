//! The whole access matrix as text, for a checked-in file: a review of a
//! changed rule or role shows what it opens or closes.

use std::fmt::Write as _;

use crate::{Roles, Rule, Rules};

/// One line per method: its path, its rule, and the roles that may call it.
#[must_use]
pub fn matrix(rules: &Rules, roles: &Roles) -> String {
    let mut out = String::new();
    for (path, rule) in rules.iter() {
        let path = path.trim_start_matches('/');
        let (rule, who) = match rule {
            Rule::Public => ("public", "anybody".to_owned()),
            Rule::Authenticated => ("authenticated", "every caller".to_owned()),
            Rule::Internal => ("internal", "services".to_owned()),
            Rule::Signed { permission, webhook } => {
                (permission.as_str(), if *webhook { "signed webhook" } else { "signed link" }.to_owned())
            }
            Rule::Permission(permission) => {
                let who: Vec<&str> = roles.names().filter(|role| roles.grants(role, permission)).collect();
                (permission.as_str(), who.join(" "))
            }
        };
        let _ = writeln!(out, "{path} | {rule} | {who}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_names_method_rule_and_roles() {
        let rules = Rules::from_table([
            ("/b.B/Get".to_owned(), Rule::Permission("crmSync.push".to_owned())),
            ("/a.A/Check".to_owned(), Rule::Public),
            ("/c.C/Read".to_owned(), Rule::Internal),
            ("/d.D/Submit".to_owned(), Rule::Signed { permission: "forms.submit".to_owned(), webhook: false }),
        ]);
        let expected = "a.A/Check | public | anybody\nb.B/Get | crmSync.push | admin channel_ops connector\nc.C/Read | internal | services\n\
             d.D/Submit | forms.submit | signed link\n";
        assert_eq!(matrix(&rules, &Roles::standard()), expected);
    }

    #[test]
    fn every_method_can_be_called_by_somebody() {
        let text = matrix(&Rules::of_api().unwrap(), &Roles::standard());
        assert!(text.lines().all(|line| !line.ends_with("| ")), "{text}");
        assert!(text.contains("stoa.onboard.v1.PartnerService/GetPartner | partners.read | admin analyst auditor cam"), "{text}");
    }

    /// A new permission belongs only to the administrator until somebody adds
    /// it to `default_roles.rs`. This test reports it.
    #[test]
    fn no_permission_is_left_to_the_administrator_by_accident() {
        let roles = Roles::standard();
        let others = |permission: &str| roles.names().any(|role| role != "admin" && roles.grants(role, permission));
        let alone: Vec<String> = Rules::of_api().unwrap().permissions().into_iter().filter(|p| !others(p)).collect();
        assert_eq!(alone, ["events.replay"]);
    }
}
