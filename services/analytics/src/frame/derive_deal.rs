//! Facts of a deal: its registration as a commercial activity, and its revenue.

use stoa_kernel::money;

use super::{
    Activity, ActivityKind, DIRECT, Fact, OPEN, Posting,
    derive::{Facts, Names},
    overlay::{Knowledge, Overlay, span},
};
use crate::fold::{Body, Row, row::Deal};

/// A registration withdrawn this soon after its submission does not count.
const WITHDRAWAL_GRACE_MICROS: i64 = 24 * 3_600_000_000;
const WHOLE: i64 = 10_000;

pub(super) fn derive(rows: &[&Row], names: &mut Names, out: &mut Facts) {
    registration(rows, names, out);
    revenue(rows, names, out);
}

fn deal(row: &Row) -> Option<&Deal> {
    match &row.body {
        Body::Deal(deal) => Some(deal),
        _ => None,
    }
}

fn registration(rows: &[&Row], names: &mut Names, out: &mut Facts) {
    let mut knowledge = Knowledge::new();
    for (i, row) in rows.iter().enumerate() {
        let mut counted = Vec::new();
        if let Some(Deal { partner, submit: Some(at), .. }) = deal(row)
            && !partner.is_empty()
        {
            let partner = names.partners.intern(partner);
            let known = rows.get(..=i).unwrap_or_default();
            counted.extend(standing(known, *at).spans().filter(|s| s.2).map(|(from, to, _)| (partner, *at, from, to)));
        }
        knowledge.now(row.recorded, counted);
    }
    for ((partner, at, from, to), known_from, known_to) in knowledge.facts() {
        let value = Activity { at, kind: ActivityKind::Registration };
        out.activities.push((partner, Fact { value, span: span((from, to), (known_from, known_to)) }));
    }
}

/// From when on a submitted registration counts, and when it stops to.
fn standing(known: &[&Row], submit: i64) -> Overlay<bool> {
    let mut overlay = Overlay::new();
    overlay.push(submit, true);
    let mut void = false;
    for (row, deal) in known.iter().filter_map(|row| deal(row).map(|d| (row, d))) {
        let retracted = deal.withdraw.filter(|at| *at <= submit.saturating_add(WITHDRAWAL_GRACE_MICROS));
        let now = retracted.is_some() || deal.duplicate;
        if now != void {
            let at = if now { retracted.unwrap_or(row.occurred) } else { row.occurred };
            overlay.push(at.max(submit), !now);
            void = now;
        }
    }
    overlay
}

/// Revenue as it was posted: an amount with the shares it is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lot {
    at: i64,
    total: i64,
    currency: u32,
    /// Lists of the credited partners and of their weights, the direct rest last.
    partners: u32,
    weights: u32,
}

/// What a version says was won: when, and the lot.
fn won(row: &Row, names: &mut Names) -> Option<Lot> {
    let deal = deal(row)?;
    let at = deal.win?;
    let mut partners: Vec<i64> = deal.credits.iter().map(|c| i64::from(names.partners.intern(&c.partner))).collect();
    let mut weights: Vec<i64> = deal.credits.iter().map(|c| i64::from(c.basis_points).max(0)).collect();
    let rest = WHOLE - weights.iter().sum::<i64>();
    if rest > 0 {
        partners.push(i64::from(DIRECT));
        weights.push(rest);
    }
    Some(Lot {
        at,
        total: deal.amount,
        currency: names.texts.intern(&deal.currency),
        partners: names.lists.intern(&partners),
        weights: names.lists.intern(&weights),
    })
}

/// A deal that is won for the first time posts its amount on the day it was won.
/// Every later version that changes what was won is a correction and counts on
/// its own day: it takes back what stood and posts what stands now, also where
/// that was taken back before. A version with another day of the win moves the
/// first posting, and no correction.
fn revenue(rows: &[&Row], names: &mut Names, out: &mut Facts) {
    let mut knowledge = Knowledge::new();
    let mut posted: Vec<Lot> = Vec::new();
    let mut before: Option<Lot> = None;
    for row in rows {
        let now = won(row, names);
        if let (Some(was), Some(is), Some(first)) = (before, now, posted.first_mut())
            && first.at == was.at
        {
            first.at = is.at;
        }
        match (before, now) {
            (None, Some(is)) if posted.is_empty() => posted.push(is),
            (Some(was), Some(is)) if same_money(&was, &is) => {}
            (was, is) => {
                posted.extend(was.map(|lot| Lot { at: row.occurred, total: lot.total.saturating_neg(), ..lot }));
                posted.extend(is.map(|lot| Lot { at: row.occurred, ..lot }));
            }
        }
        before = now;
        knowledge.now(row.recorded, posted.clone());
    }
    for (lot, known_from, known_to) in knowledge.facts() {
        credit(&lot, (known_from, known_to), names, out);
    }
}

fn same_money(a: &Lot, b: &Lot) -> bool {
    (a.total, a.currency, a.partners, a.weights) == (b.total, b.currency, b.partners, b.weights)
}

fn credit(lot: &Lot, known: (i64, i64), names: &Names, out: &mut Facts) {
    let shares = money::split(lot.total, names.lists.get(lot.weights)).unwrap_or_default();
    for (i, (minor, partner)) in shares.into_iter().zip(names.lists.get(lot.partners)).enumerate() {
        let value = Posting {
            at: lot.at,
            minor,
            total: lot.total,
            currency: lot.currency,
            weights: lot.weights,
            part: u32::try_from(i).unwrap_or_default(),
        };
        let partner = u32::try_from(*partner).unwrap_or(DIRECT);
        out.postings.push((partner, Fact { value, span: span((lot.at, OPEN), known) }));
    }
}
