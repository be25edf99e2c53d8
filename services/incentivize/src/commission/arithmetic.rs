//! What a deal earns, and the rows that bring the existing ones to it. Pure.

use std::collections::BTreeMap;

use stoa_kernel::{Error, Money, Result, Timestamp, ids, money, names};
use stoa_proto::{
    incentivize::v1::{Commission, CommissionRule, CommissionState as State, commission_rule::Reward},
    onboard::v1::PartnerType,
    sell::v1::Deal,
};

use crate::{amounts, commission_rule::fits};

/// What a rule asks about a partner: its type when the deal first accrued, and
/// its tiers at the instant of the win. A partner without tiers had no
/// enrollment in force and earns nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Eligibility {
    pub(crate) partner_type: PartnerType,
    pub(crate) tiers: Vec<String>,
}

/// What a partner earns by one rule in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Earning {
    base: Money,
    amount: Money,
    rate_basis_points: i32,
}

/// Rule, partner, currency of the amount.
type Key = (String, String, String);

/// The event that rows follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) deal_version: i64,
    pub(crate) now: Timestamp,
}

/// Returns the partners' shares of a deal in basis points, one entry per partner.
pub(crate) fn shares(deal: &Deal) -> Vec<(String, i64)> {
    let mut shares: Vec<(String, i64)> = Vec::new();
    for credit in &deal.credits {
        match shares.iter_mut().find(|(partner, _)| *partner == credit.partner) {
            Some((_, share)) => *share += i64::from(credit.share_basis_points),
            None => shares.push((credit.partner.clone(), i64::from(credit.share_basis_points))),
        }
    }
    if deal.credits.is_empty() && !deal.partner.is_empty() {
        shares.push((deal.partner.clone(), 10_000));
    }
    shares
}

/// Splits an amount as the credit is split. What no partner is credited with is left out.
fn split(amount: Money, shares: &[(String, i64)]) -> Result<Vec<Money>> {
    let mut weights: Vec<i64> = shares.iter().map(|(_, share)| *share).collect();
    weights.push((10_000 - weights.iter().sum::<i64>()).max(0));
    let parts = money::split(amount.minor, &weights)?;
    Ok(parts.into_iter().take(shares.len()).map(|minor| Money { minor, ..amount }).collect())
}

/// Returns all that a deal in its present state earns; empty if it is not won
/// or was imported as history.
pub(crate) fn due(deal: &Deal, rules: &[CommissionRule], eligible: &BTreeMap<String, Eligibility>) -> Result<BTreeMap<Key, Earning>> {
    let mut due = BTreeMap::new();
    let (Some(won), false) = (Timestamp::stored(deal.win_time.as_ref()), deal.imported) else { return Ok(due) };
    let amount = deal.amount.as_ref().ok_or_else(|| Error::internal(format!("{} is won without an amount", deal.name)))?;
    let amount = Money::from_proto("deal.amount", amount)?;
    let shares = shares(deal);
    let bases = split(amount, &shares)?;
    for rule in rules {
        let flat = match &rule.reward {
            Some(Reward::FlatAmount(flat)) => Some(split(amounts::stored(Some(flat))?, &shares)?),
            _ => None,
        };
        for (i, (partner, _)) in shares.iter().enumerate() {
            let known = eligible.get(partner).ok_or_else(|| Error::internal(format!("nothing is known about {partner}")))?;
            if known.tiers.is_empty() || !fits(rule, deal, won, known.partner_type, &known.tiers) {
                continue;
            }
            let (amount, rate_basis_points) = match (&rule.reward, &flat) {
                (Some(Reward::RateBasisPoints(rate)), _) => (bases[i].share(i64::from(*rate))?, *rate),
                (_, Some(parts)) => (parts[i], 0),
                _ => continue,
            };
            let key = (rule.name.clone(), partner.clone(), amount.currency.code().to_owned());
            due.insert(key, Earning { base: bases[i], amount, rate_basis_points });
        }
    }
    Ok(due)
}

/// New rows, and existing rows that they cancel.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) new: Vec<Commission>,
    pub(crate) canceled: Vec<Commission>,
}

/// Returns the change that brings the existing rows of a deal to what is due.
pub(crate) fn rows(
    source: Source<'_>,
    deal: &Deal,
    due: &BTreeMap<Key, Earning>,
    existing: &[Commission],
    eligible: &BTreeMap<String, Eligibility>,
) -> Result<Change> {
    let mut groups: BTreeMap<Key, Vec<&Commission>> = due.keys().map(|key| (key.clone(), Vec::new())).collect();
    for row in existing {
        groups.entry(key(row)?).or_default().push(row);
    }
    let mut change = Change::default();
    for (key, rows) in groups {
        let Some(mut row) = difference(source, deal, &key, due.get(&key), &rows)? else { continue };
        let known = eligible.get(&key.1).cloned().unwrap_or_default();
        row.set_partner_type(known.partner_type);
        row.tiers = known.tiers;
        if due.get(&key).is_none_or(|earning| earning.amount.minor == 0) {
            row.set_state(State::Canceled);
            let open = rows.iter().filter(|row| row.state() == State::Accrued);
            change.canceled.extend(open.map(|row| canceled(row)));
        }
        change.new.push(row);
    }
    Ok(change)
}

fn key(row: &Commission) -> Result<Key> {
    let currency = amounts::stored(row.amount.as_ref())?.currency;
    Ok((row.commission_rule.clone(), row.partner.clone(), currency.code().to_owned()))
}

/// Returns the row that brings the rows of one key to what is due; `None` if
/// they are there already.
fn difference(source: Source<'_>, deal: &Deal, key: &Key, due: Option<&Earning>, rows: &[&Commission]) -> Result<Option<Commission>> {
    let currency = money::currency("currency", &key.2)?;
    let mut accrued = Money::zero(currency);
    for row in rows {
        accrued = accrued.add(amounts::stored(row.amount.as_ref())?)?;
    }
    let amount = amounts::subtract(due.map_or(Money::zero(currency), |earning| earning.amount), accrued)?;
    if amount.minor == 0 {
        return Ok(None);
    }
    let last = rows.iter().max_by_key(|row| (row.deal_version, Timestamp::stored(row.create_time.as_ref())));
    let rate = due.map(|e| e.rate_basis_points).or(last.map(|row| row.rate_basis_points)).unwrap_or_default();
    let (rule, partner, code) = key;
    let id = ids::derived(&[source.event_id, &deal.name, rule, partner, code]);
    Ok(Some(Commission {
        name: names::name("commissions", &id),
        partner: partner.clone(),
        deal: deal.name.clone(),
        deal_version: source.deal_version,
        source_event: source.event_id.to_owned(),
        commission_rule: rule.clone(),
        product_line: deal.product_line.clone(),
        base: Some(base_change(due, rows)?.proto()),
        rate_basis_points: rate,
        amount: Some(amount.proto()),
        corrected_commission: last.map(|row| row.name.clone()).unwrap_or_default(),
        state: State::Accrued as i32,
        win_time: deal.win_time.or(last.and_then(|row| row.win_time)),
        create_time: Some(source.now.proto()),
        ..Default::default()
    }))
}

/// Returns how the partner's credit changed since the last row. A flat amount
/// keeps its currency while that of the deal may change: then the whole credit
/// counts as new.
fn base_change(due: Option<&Earning>, rows: &[&Commission]) -> Result<Money> {
    let mut counted: Option<Money> = None;
    for row in rows {
        let base = amounts::stored(row.base.as_ref())?;
        counted = Some(match counted {
            Some(sum) if sum.currency == base.currency => sum.add(base)?,
            _ => base,
        });
    }
    match (due, counted) {
        (Some(earning), Some(sum)) if earning.base.currency == sum.currency => amounts::subtract(earning.base, sum),
        (Some(earning), _) => Ok(earning.base),
        (None, Some(sum)) => amounts::negated(sum),
        (None, None) => Err(Error::internal("a reversal of nothing")),
    }
}

fn canceled(row: &Commission) -> Commission {
    let mut next = row.clone();
    next.set_state(State::Canceled);
    next
}

#[cfg(test)]
#[path = "arithmetic_tests.rs"]
mod tests;
