//! Which deal, of those about the same business, holds the customer.

use stoa_kernel::Timestamp;
use stoa_proto::sell::v1::{ConflictSource as Source, Deal, RegistrationState as State};

use super::{pipeline, protection, registration};

/// Whether direct sales own the deal. History does not count.
pub(super) fn is_direct(deal: &Deal) -> bool {
    deal.partner.is_empty() && !deal.imported
}

/// Whether the deal holds its customer at an instant: a direct deal while it is
/// open, a registration while it is undecided and not expired, or approved and
/// protected. History holds no customer.
pub(super) fn holds(deal: &Deal, now: Timestamp) -> bool {
    if deal.imported || !pipeline::is_open(deal) {
        return false;
    }
    if is_direct(deal) {
        return true;
    }
    match registration::state_at(deal, now) {
        State::Submitted | State::UnderReview | State::ActionRequired => true,
        State::Approved => protection::is_protected(deal, now),
        _ => false,
    }
}

/// Returns what a registration is in conflict with: direct sales, if the
/// customer is their account or they have an open deal with it, or another
/// registration.
pub(super) fn source(deal: &Deal, others: &[Deal], now: Timestamp) -> Option<Source> {
    let direct_account = deal.customer.as_ref().is_some_and(|customer| customer.direct_account);
    let holding = |other: &&Deal| holds(other, now);
    if direct_account || others.iter().filter(holding).any(is_direct) {
        return Some(Source::DirectSales);
    }
    others.iter().any(|other| holds(other, now)).then_some(Source::Registration)
}

#[cfg(test)]
mod tests {
    use stoa_proto::sell::v1::Customer;

    use super::*;

    fn customer(domain: &str, account: &str, tax: &str) -> Customer {
        Customer { domain: domain.into(), account_reference: account.into(), tax_id: tax.into(), ..Default::default() }
    }

    fn deal(customer: Customer, line: &str) -> Deal {
        let partner = "partners/p".to_owned();
        Deal { partner, customer: Some(customer), product_line: line.into(), pipeline_stage: 1, ..Default::default() }
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
        let direct = Deal { partner: String::new(), ..deal(customer("a.com", "", ""), "l") };
        assert!(holds(&direct, now), "direct sales hold their customer while the deal is open");
        assert!(!holds(&Deal { pipeline_stage: 5, ..direct.clone() }, now) && !holds(&Deal { imported: true, ..direct }, now));
    }

    #[test]
    fn a_conflict_names_direct_sales_before_another_registration() {
        let now = Timestamp::from_micros(0);
        let mine = deal(customer("a.com", "", ""), "l");
        let mut registered = mine.clone();
        registered.set_registration_state(State::Submitted);
        let direct = Deal { partner: String::new(), ..mine.clone() };
        let closed = Deal { pipeline_stage: 6, ..registered.clone() };
        assert_eq!(source(&mine, &[], now), None);
        assert_eq!(source(&mine, &[closed], now), None);
        assert_eq!(source(&mine, std::slice::from_ref(&registered), now), Some(Source::Registration));
        assert_eq!(source(&mine, &[registered, direct], now), Some(Source::DirectSales));
        let account = Customer { direct_account: true, ..customer("a.com", "", "") };
        assert_eq!(source(&deal(account, "l"), &[], now), Some(Source::DirectSales));
    }
}
