use stoa_proto::{
    common::v1::Money as Amount,
    sell::v1::{Credit, Customer},
};

use super::*;

fn amount(minor_units: i64, code: &str) -> Option<Amount> {
    Some(Amount { minor_units, currency_code: code.into() })
}

fn day(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns a deal that was won, with credits in basis points.
fn won(minor: i64, code: &str, credits: &[(&str, i32)]) -> Deal {
    let credit = |(partner, share): &(&str, i32)| Credit { partner: format!("partners/{partner}"), share_basis_points: *share };
    Deal {
        name: "deals/d".into(),
        credits: credits.iter().map(credit).collect(),
        product_line: "productLines/gtx".into(),
        customer: Some(Customer { territory: "us-east".into(), ..Default::default() }),
        amount: amount(minor, code),
        win_time: Some(day("2026-02-01").proto()),
        ..Default::default()
    }
}

fn percent(id: &str, basis_points: i32) -> CommissionRule {
    CommissionRule { name: format!("commissionRules/{id}"), reward: Some(Reward::RateBasisPoints(basis_points)), ..Default::default() }
}

fn flat(id: &str, minor: i64, code: &str) -> CommissionRule {
    let reward = amount(minor, code).map(Reward::FlatAmount);
    CommissionRule { name: format!("commissionRules/{id}"), reward, ..Default::default() }
}

fn eligible() -> BTreeMap<String, Eligibility> {
    let of = |partner_type| Eligibility { partner_type, tiers: vec!["programs/p/tiers/gold".into()] };
    ["a", "b", "c"].into_iter().map(|id| (format!("partners/{id}"), of(PartnerType::Var))).collect()
}

fn earned(deal: &Deal, rules: &[CommissionRule]) -> Vec<i64> {
    due(deal, rules, &eligible()).unwrap().values().map(|earning| earning.amount.minor).collect()
}

/// Returns the rows after another event of the deal.
fn after(existing: &[Commission], version: i64, deal: &Deal, rules: &[CommissionRule]) -> Vec<Commission> {
    let event_id = format!("event-{version}");
    let source = Source { event_id: &event_id, deal_version: version, now: day("2026-02-02") };
    let change = rows(source, deal, &due(deal, rules, &eligible()).unwrap(), existing, &eligible()).unwrap();
    let mut all = existing.to_vec();
    for row in change.canceled {
        let place = all.iter().position(|r| r.name == row.name).unwrap();
        all[place] = row;
    }
    all.extend(change.new);
    all
}

fn minors(rows: &[Commission]) -> Vec<i64> {
    rows.iter().map(|row| row.amount.clone().unwrap().minor_units).collect()
}

#[test]
fn percentages_are_exact_to_the_minor_unit() {
    for (minor, code, basis_points, expected) in [
        (100_000, "USD", 400, 4_000),    // 1000.00 at 4 % is 40.00
        (1_000, "JPY", 400, 40),         // no decimals
        (1_000_000, "KWD", 400, 40_000), // 1000.000, three decimals
        (100_000, "USD", 10_000, 100_000),
        (100_000, "USD", 1, 10), // the smallest rate
        (1, "USD", 5_000, 1),    // half a cent is rounded away from zero
        (1, "USD", 4_999, 0),
        (99, "JPY", 150, 1),  // 1.485
        (100, "JPY", 150, 2), // 1.5
        (0, "USD", 400, 0),
        (9_000_000_000_000_000_000, "USD", 10_000, 9_000_000_000_000_000_000),
    ] {
        let deal = won(minor, code, &[("a", 10_000)]);
        assert_eq!(earned(&deal, &[percent("r", basis_points)]), [expected], "{minor} {code} at {basis_points}");
    }
}

#[test]
fn a_split_loses_and_creates_nothing() {
    let deal = won(10_000, "USD", &[("a", 3_333), ("b", 3_333), ("c", 3_334)]);
    assert_eq!(earned(&deal, &[percent("r", 10_000)]).iter().sum::<i64>(), 10_000);
    let deal = won(1, "USD", &[("a", 5_000), ("b", 5_000)]);
    assert_eq!(earned(&deal, &[percent("r", 10_000)]), [1, 0]);
    // What is credited to no partner earns nothing.
    let deal = won(100_000, "USD", &[("a", 6_000), ("b", 2_000)]);
    assert_eq!(earned(&deal, &[percent("r", 400)]), [2_400, 800]);
    assert_eq!(earned(&deal, &[flat("r", 5_000, "USD")]), [3_000, 1_000]);
}

#[test]
fn every_rule_that_fits_accrues_by_itself() {
    let deal = won(100_000, "USD", &[("a", 10_000)]);
    let of_other = CommissionRule { partner_type: PartnerType::Msp as i32, ..percent("q", 9_000) };
    assert_eq!(earned(&deal, &[percent("p", 400), of_other, flat("r", 500, "JPY")]), [4_000, 500]);
}

#[test]
fn a_deal_that_is_not_won_or_was_imported_earns_nothing() {
    let rules = [percent("r", 400)];
    let deal = won(100_000, "USD", &[("a", 10_000)]);
    assert!(earned(&Deal { win_time: None, ..deal.clone() }, &rules).is_empty());
    assert!(earned(&Deal { imported: true, ..deal.clone() }, &rules).is_empty());
    assert!(earned(&Deal { credits: Vec::new(), ..deal.clone() }, &rules).is_empty(), "a direct deal");
    let of_partner = Deal { credits: Vec::new(), partner: "partners/b".into(), ..deal };
    assert_eq!(earned(&of_partner, &rules), [4_000]);
}

#[test]
fn a_partner_without_an_enrollment_in_force_earns_nothing_and_takes_nothing_from_the_others() {
    let mut eligible = eligible();
    eligible.get_mut("partners/a").unwrap().tiers.clear();
    let deal = won(100_000, "USD", &[("a", 5_000), ("b", 5_000)]);
    let due = due(&deal, &[percent("r", 400)], &eligible).unwrap();
    let earned: Vec<_> = due.iter().map(|((_, partner, _), earning)| (partner.as_str(), earning.amount.minor)).collect();
    assert_eq!(earned, [("partners/b", 2_000)]);
}

#[test]
fn a_correction_is_a_row_with_the_difference() {
    let rules = [percent("r", 400)];
    let rows = after(&[], 3, &won(100_000, "USD", &[("a", 10_000)]), &rules);
    let rows = after(&rows, 5, &won(80_000, "USD", &[("a", 10_000)]), &rules);
    assert_eq!(minors(&rows), [4_000, -800]);
    assert_eq!(rows[1].base, amount(-20_000, "USD"));
    assert_eq!(rows[1].corrected_commission, rows[0].name);
    assert!(rows.iter().all(|row| row.state() == State::Accrued));
    // The same state again changes nothing.
    assert_eq!(after(&rows, 6, &won(80_000, "USD", &[("a", 10_000)]), &rules), rows);
}

#[test]
fn rounding_does_not_accumulate_over_corrections() {
    let rules = [percent("r", 150)];
    let mut rows = Vec::new();
    for (version, minor) in (1..).zip([33, 67, 99, 100, 34, 101]) {
        rows = after(&rows, version, &won(minor, "JPY", &[("a", 10_000)]), &rules);
    }
    assert_eq!(minors(&rows).iter().sum::<i64>(), earned(&won(101, "JPY", &[("a", 10_000)]), &rules)[0]);
}

#[test]
fn a_deal_that_is_no_longer_won_takes_everything_back() {
    let rules = [percent("r", 400)];
    let deal = won(100_000, "USD", &[("a", 5_000), ("b", 5_000)]);
    let rows = after(&[], 1, &deal, &rules);
    let rows = after(&rows, 2, &Deal { win_time: None, ..deal.clone() }, &rules);
    assert_eq!(minors(&rows), [2_000, 2_000, -2_000, -2_000]);
    assert!(rows.iter().all(|row| row.state() == State::Canceled));
    // Won again, it earns again.
    let rows = after(&rows, 3, &deal, &rules);
    assert_eq!(minors(&rows)[4..], [2_000, 2_000]);
    assert_eq!(rows[4].state(), State::Accrued);
}

#[test]
fn credit_moves_from_one_partner_to_another() {
    let rules = [percent("r", 400)];
    let rows = after(&[], 1, &won(100_000, "USD", &[("a", 10_000)]), &rules);
    let rows = after(&rows, 2, &won(100_000, "USD", &[("b", 10_000)]), &rules);
    let of = |partner: &str| minors(&rows.iter().filter(|r| r.partner == partner).cloned().collect::<Vec<_>>());
    assert_eq!(of("partners/a"), [4_000, -4_000]);
    assert_eq!(of("partners/b"), [4_000]);
}

#[test]
fn a_corrected_currency_takes_back_the_old_amount_and_pays_the_new_one() {
    let rules = [percent("r", 400)];
    let rows = after(&[], 1, &won(100_000, "USD", &[("a", 10_000)]), &rules);
    let rows = after(&rows, 2, &won(90_000, "EUR", &[("a", 10_000)]), &rules);
    let amounts: Vec<_> = rows.iter().map(|r| r.amount.clone()).collect();
    assert_eq!(amounts, [amount(4_000, "USD"), amount(3_600, "EUR"), amount(-4_000, "USD")]);
}

#[test]
fn a_change_of_the_partner_does_not_change_what_was_earned() {
    let rule = CommissionRule { tier: "programs/p/tiers/gold".into(), ..percent("r", 400) };
    let rows = after(&[], 1, &won(100_000, "USD", &[("a", 10_000)]), std::slice::from_ref(&rule));
    assert_eq!(rows[0].tiers, ["programs/p/tiers/gold"]);
    assert_eq!(rows[0].partner_type(), PartnerType::Var);
}
