//! When two registrations are about the same business. Exact identifiers
//! decide; names never do.

use stoa_kernel::Timestamp;
use stoa_proto::sell::v1::{Customer, Deal, RegistrationState as State};

use super::{pipeline, protection, registration};

/// The identifiers of a customer in one spelling, sorted.
pub(crate) fn keys(customer: &Customer) -> Vec<String> {
    let mut keys = Vec::new();
    let domain = domain(customer);
    if !domain.is_empty() {
        keys.push(format!("domain:{domain}"));
    }
    let account = customer.account_reference.trim();
    if !account.is_empty() {
        keys.push(format!("account:{account}"));
    }
    let tax: String = customer.tax_id.chars().filter(char::is_ascii_alphanumeric).collect();
    if !tax.is_empty() {
        keys.push(format!("tax:{}", tax.to_ascii_uppercase()));
    }
    keys.sort();
    keys
}

/// The customer's domain, lower-case and without `www.`.
pub(crate) fn domain(customer: &Customer) -> String {
    let lower = customer.domain.trim().trim_end_matches('.').to_lowercase();
    lower.strip_prefix("www.").unwrap_or(&lower).to_owned()
}

/// Whether the deal's registration holds its customer at an instant: undecided
/// and not expired, or approved and protected. History holds nobody.
pub(crate) fn holds(deal: &Deal, now: Timestamp) -> bool {
    if deal.imported || !pipeline::is_open(deal) {
        return false;
    }
    match registration::state_at(deal, now) {
        State::Submitted | State::UnderReview | State::ActionRequired => true,
        State::Approved => protection::stands(deal, now),
        _ => false,
    }
}

/// Whether any of the others holds the customer.
pub(super) fn is_held<'a>(mut others: impl Iterator<Item = &'a Deal>, now: Timestamp) -> bool {
    others.any(|other| holds(other, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(domain: &str, account: &str, tax: &str) -> Customer {
        Customer { domain: domain.into(), account_reference: account.into(), tax_id: tax.into(), ..Default::default() }
    }

    fn deal(customer: Customer, line: &str) -> Deal {
        Deal { customer: Some(customer), product_line: line.into(), pipeline_stage: 1, ..Default::default() }
    }

    #[test]
    fn identifiers_are_compared_in_one_spelling() {
        assert_eq!(keys(&customer("WWW.Example.com.", "", "")), ["domain:example.com"]);
        assert_eq!(keys(&customer("", " A-1 ", "de 123.456")), ["account:A-1", "tax:DE123456"]);
        assert!(keys(&Customer { display_name: "Example".into(), ..Default::default() }).is_empty());
    }

    #[test]
    fn only_live_registrations_hold_a_customer() {
        let now = Timestamp::from_micros(1_000_000);
        let at = |micros| Some(Timestamp::from_micros(micros).proto());
        let with = |state: State, due, protected| {
            let mut deal = Deal { decide_due_time: due, protect_end_time: protected, ..deal(customer("a.com", "", ""), "l") };
            deal.set_registration_state(state);
            deal
        };
        assert!(holds(&with(State::Submitted, at(1_000_001), None), now));
        assert!(!holds(&with(State::Submitted, at(1_000_000), None), now), "expired at its due instant, swept or not");
        assert!(holds(&with(State::Approved, None, at(1_000_001)), now));
        assert!(!holds(&with(State::Approved, None, at(1_000_000)), now), "the end itself is not protected");
        assert!(!holds(&with(State::Approved, None, None), now), "history claims no protection");
        assert!(!holds(&with(State::Rejected, None, None), now));
        assert!(!holds(&Deal { imported: true, ..with(State::Submitted, None, None) }, now));
        assert!(!holds(&Deal { pipeline_stage: 6, ..with(State::Submitted, at(1_000_001), None) }, now));
    }
}
