//! Commission rule: what a partner earns when a deal is won. What it pays never
//! changes; it can only be given an earlier end, which is not in the past. A
//! deal is rewarded by the rules in force at the instant it was won, so that an
//! end takes nothing back.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Cx, Error, Result, Timestamp, names};
use stoa_proto::{
    incentivize::v1::{CommissionRule, ErrorReason, commission_rule::Reward},
    onboard::v1::PartnerType,
    sell::v1::Deal,
};

use crate::amounts;

/// Creates a rule from the caller's input.
fn new(id: &str, input: &CommissionRule, cx: &Cx) -> Result<CommissionRule> {
    match &input.reward {
        None => {
            let message = "is required. Set rate_basis_points or flat_amount.";
            return Err(Error::invalid("commission_rule.reward", message).with_reason(ErrorReason::RewardMissing));
        }
        Some(Reward::FlatAmount(amount)) => drop(amounts::positive("commission_rule.flat_amount", Some(amount))?),
        Some(Reward::RateBasisPoints(_)) => {}
    }
    names::optional_id("commission_rule.product_line", "productLines", &input.product_line)?;
    if !input.tier.is_empty() {
        names::nested("commission_rule.tier", "programs", "tiers", &input.tier)?;
    }
    let from = match &input.effective_time {
        Some(time) => Timestamp::from_proto("commission_rule.effective_time", time)?,
        None => cx.now,
    };
    let until = input.expire_time.as_ref().map(|t| Timestamp::from_proto("commission_rule.expire_time", t)).transpose()?;
    if until.is_some_and(|until| until <= from) {
        let error = Error::invalid("commission_rule.expire_time", "must be after effective_time");
        return Err(error.with_reason(ErrorReason::PeriodInvalid));
    }
    Ok(CommissionRule {
        name: names::name("commissionRules", id),
        effective_time: Some(from.proto()),
        expire_time: until.map(Timestamp::proto),
        ..input.clone()
    })
}

/// Returns the rule with an end at an instant, or an error if it cannot end
/// then. A rule that is not in force yet may end before it begins.
fn with_end(current: &CommissionRule, at: Timestamp, cx: &Cx) -> Result<CommissionRule> {
    const FIELD: &str = "expire_time";
    let until = Timestamp::stored(current.expire_time.as_ref());
    if let Some(until) = until.filter(|until| *until <= cx.now) {
        let message = format!("{} already expired at {until}. Its end can no longer be changed.", current.name);
        return Err(Error::precondition(ErrorReason::CommissionRuleExpired, message));
    }
    if at < cx.now {
        let message = format!("must not be in the past, because deals that are won stay rewarded. It is {} now.", cx.now);
        return Err(Error::invalid(FIELD, message).with_reason(ErrorReason::ExpireTimePast));
    }
    if let Some(until) = until.filter(|until| *until < at) {
        let message = format!("must not be after {until}, when the rule ends anyway. Create a rule for the time after that.");
        return Err(Error::invalid(FIELD, message).with_reason(ErrorReason::PeriodInvalid));
    }
    Ok(CommissionRule { expire_time: Some(at.proto()), ..current.clone() })
}

/// Whether a rule rewards a partner of a type and some tiers for a deal won at
/// an instant.
pub(crate) fn fits(rule: &CommissionRule, deal: &Deal, won: Timestamp, partner_type: PartnerType, tiers: &[String]) -> bool {
    let from = Timestamp::stored(rule.effective_time.as_ref()).unwrap_or_default();
    let until = Timestamp::stored(rule.expire_time.as_ref());
    let territory = deal.customer.as_ref().map_or("", |c| c.territory.as_str());
    from <= won
        && until.is_none_or(|until| won < until)
        && (rule.product_line.is_empty() || rule.product_line == deal.product_line)
        && (rule.territory.is_empty() || rule.territory == territory)
        && (rule.partner_type() == PartnerType::Unspecified || rule.partner_type() == partner_type)
        && (rule.tier.is_empty() || tiers.contains(&rule.tier))
}

#[cfg(test)]
mod tests {
    use stoa_kernel::Clock;
    use stoa_proto::{common::v1::Money, sell::v1::Customer};

    use super::*;

    fn day(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rule() -> CommissionRule {
        CommissionRule {
            reward: Some(Reward::RateBasisPoints(400)),
            effective_time: Some(day("2026-01-01").proto()),
            expire_time: Some(day("2026-07-01").proto()),
            ..Default::default()
        }
    }

    #[test]
    fn a_rule_is_in_force_from_its_start_until_just_before_its_end() {
        let fits = |won: Timestamp| fits(&rule(), &Deal::default(), won, PartnerType::Var, &[]);
        assert!(!fits(day("2026-01-01").plus_micros(-1)));
        assert!(fits(day("2026-01-01")));
        assert!(fits(day("2026-07-01").plus_micros(-1)));
        assert!(!fits(day("2026-07-01")));
    }

    #[test]
    fn every_condition_that_is_named_must_hold() {
        let customer = Customer { territory: "us-east".into(), ..Default::default() };
        let deal = Deal { product_line: "productLines/gtx".into(), customer: Some(customer), ..Default::default() };
        let tiers = ["programs/p/tiers/gold".to_owned()];
        let check = |rule: CommissionRule| fits(&rule, &deal, day("2026-02-01"), PartnerType::Var, &tiers);
        assert!(check(CommissionRule { product_line: "productLines/gtx".into(), ..rule() }));
        assert!(!check(CommissionRule { product_line: "productLines/mg".into(), ..rule() }));
        assert!(check(CommissionRule { territory: "us-east".into(), ..rule() }));
        assert!(!check(CommissionRule { territory: "us-west".into(), ..rule() }));
        assert!(check(CommissionRule { partner_type: PartnerType::Var as i32, ..rule() }));
        assert!(!check(CommissionRule { partner_type: PartnerType::Msp as i32, ..rule() }));
        assert!(check(CommissionRule { tier: tiers[0].clone(), ..rule() }));
        assert!(!check(CommissionRule { tier: "programs/p/tiers/silver".into(), ..rule() }));
    }

    #[test]
    fn a_rule_can_end_now_or_later_but_not_later_than_it_would() {
        let at = |now: &str| Cx { now: day(now), ..Cx::service("t", "incentivize", &Clock::system(), "") };
        let open = CommissionRule { name: "commissionRules/r".into(), expire_time: None, ..rule() };
        let until_july = CommissionRule { name: "commissionRules/r".into(), ..rule() };
        let instant = |text: &str| text.parse::<Timestamp>().unwrap();
        // Rule, now, end, reason of the refusal (empty if accepted).
        for (current, now, end, wanted) in [
            (&open, "2026-03-01", "2026-03-01", ""),
            (&open, "2026-03-01", "2027-03-01", ""),
            (&open, "2026-03-01", "2026-02-28", "EXPIRE_TIME_PAST"),
            (&open, "2025-12-01", "2025-12-02", ""),
            (&until_july, "2026-03-01", "2026-07-01", ""),
            (&until_july, "2026-03-01", "2026-07-02", "PERIOD_INVALID"),
            (&until_july, "2026-07-01", "2026-07-01", "COMMISSION_RULE_EXPIRED"),
        ] {
            match with_end(current, instant(end), &at(now)) {
                Ok(next) => {
                    assert_eq!((wanted, Timestamp::stored(next.expire_time.as_ref())), ("", Some(instant(end))));
                    assert!(!fits(&next, &Deal::default(), instant(end), PartnerType::Var, &[]), "not in force at its end");
                }
                Err(error) => assert_eq!(error.reason(), wanted, "{now} {end}"),
            }
        }
    }

    #[test]
    fn invalid_rules_are_refused_with_their_field() {
        let cx = Cx::service("t", "incentivize", &Clock::system(), "");
        let refused = |input: CommissionRule| {
            let error = new("r", &input, &cx).unwrap_err();
            (error.fields()[0].field.clone(), error.reason().as_str())
        };
        let flat = |minor_units, code: &str| Some(Reward::FlatAmount(Money { minor_units, currency_code: code.into() }));
        let field = |name: &str| format!("commission_rule.{name}");
        assert_eq!(refused(CommissionRule { reward: None, ..rule() }), (field("reward"), "REWARD_MISSING"));
        assert_eq!(refused(CommissionRule { reward: flat(-1, "USD"), ..rule() }), (field("flat_amount.minor_units"), "INVALID_FIELD"));
        assert_eq!(refused(CommissionRule { reward: flat(1, "QQQ"), ..rule() }), (field("flat_amount.currency_code"), "CURRENCY_UNKNOWN"));
        let empty = CommissionRule { expire_time: rule().effective_time, ..rule() };
        assert_eq!(refused(empty), (field("expire_time"), "PERIOD_INVALID"));
        assert_eq!(refused(CommissionRule { product_line: "gtx".into(), ..rule() }), (field("product_line"), "INVALID_FIELD"));
        assert_eq!(refused(CommissionRule { tier: "gold".into(), ..rule() }), (field("tier"), "INVALID_FIELD"));
    }
}
