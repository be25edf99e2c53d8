//! Registration of a connector: how its rows are interpreted.

mod api;
mod operations;
pub(super) mod store;

use std::collections::BTreeSet;

use stoa_kernel::{Error, Result, money};
use stoa_proto::sell::v1::{CrmConnector, CrmDealField as Field, CrmFieldOwner as Owner, ErrorReason};

/// Whether the CRM's value of a field counts. By default it does for every
/// field except the partner, which is ours once the deal exists here.
pub(super) fn is_remote(connector: &CrmConnector, field: Field) -> bool {
    match connector.field_owners.iter().find(|rule| rule.field() == field) {
        Some(rule) => rule.owner() == Owner::Remote,
        None => field != Field::Partner,
    }
}

/// Checks what must hold for every registration.
fn check(connector: &CrmConnector) -> Result<()> {
    money::currency("crm_connector.currency_code", &connector.currency_code)?;
    require_unique("crm_connector.product_map", connector.product_map.iter().map(|rule| rule.remote_product.as_str()))?;
    require_unique("crm_connector.stage_map", connector.stage_map.iter().map(|rule| rule.remote_stage.as_str()))?;
    require_unique("crm_connector.field_owners", connector.field_owners.iter().map(|rule| rule.field().as_str_name()))
}

fn require_unique<'a>(field: &str, keys: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            let message = format!("lists `{key}` twice. Keep one of them.");
            return Err(Error::invalid(field, message).with_reason(ErrorReason::MapDuplicate));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stoa_proto::sell::v1::{CrmFieldRule, CrmProductRule};

    use super::*;

    #[test]
    fn a_map_lists_a_spelling_once() {
        let rule = |remote: &str| CrmProductRule { remote_product: remote.into(), product_line: "productLines/gtx".into() };
        let with = |rules| CrmConnector { currency_code: "USD".into(), product_map: rules, ..Default::default() };
        assert!(check(&with(vec![rule("GTX Pro"), rule("GTXPro")])).is_ok());
        assert_eq!(check(&with(vec![rule("GTXPro"), rule("GTXPro")])).unwrap_err().reason(), "MAP_DUPLICATE");
        assert_eq!(check(&CrmConnector { currency_code: "XYZ".into(), ..Default::default() }).unwrap_err().reason(), "CURRENCY_UNKNOWN");
    }

    #[test]
    fn the_partner_is_ours_unless_the_registration_says_otherwise() {
        let mut connector = CrmConnector::default();
        assert!(!is_remote(&connector, Field::Partner) && is_remote(&connector, Field::Amount));
        connector.field_owners = vec![
            CrmFieldRule { field: Field::Partner.into(), owner: Owner::Remote.into() },
            CrmFieldRule { field: Field::Amount.into(), owner: Owner::Local.into() },
        ];
        assert!(is_remote(&connector, Field::Partner) && !is_remote(&connector, Field::Amount));
    }
}
