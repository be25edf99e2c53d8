//! Deals: their registrations as commercial activities, and their revenue.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, money, names::last};
use stoa_proto::sell::v1 as pb;

use super::{
    activity::{Activity, ActivityKind},
    kind::FactKind,
};
use crate::{
    column::{
        Placed,
        intern::{Interner, NO_PARTNER},
        overlay::{Knowledge, Overlay},
        span::{Fact, OPEN, Span},
    },
    row::{Document, Row, micros},
};

/// A registration withdrawn within this time of its submission does not count.
const WITHDRAWAL_GRACE_MICROS: i64 = 24 * 3_600_000_000;
const WHOLE: i64 = 10_000;

pub(super) const KIND: FactKind = FactKind { number: 10, noun: "sell.deal", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(int64, optional, tag = "2")]
    submit: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    withdraw: Option<i64>,
    #[prost(bool, tag = "4")]
    duplicate: bool,
    #[prost(int64, optional, tag = "5")]
    win: Option<i64>,
    #[prost(int64, tag = "6")]
    amount: i64,
    #[prost(string, tag = "7")]
    currency: String,
    #[prost(message, repeated, tag = "8")]
    credits: Vec<Credit>,
    #[prost(string, tag = "9")]
    product_line: String,
    #[prost(string, tag = "10")]
    territory: String,
    #[prost(string, tag = "11")]
    vertical: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Credit {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(int32, tag = "2")]
    basis_points: i32,
}

/// A credited share of revenue, or of a correction to revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting {
    pub(crate) at: i64,
    /// The share, in minor units of the deal's currency.
    pub(crate) minor: i64,
    /// The whole amount that was split.
    pub(crate) total: i64,
    pub(crate) currency: u32,
    /// List of the weights by which the amount was split, the direct rest last.
    pub(crate) weights: u32,
    /// Index of this share's weight in the list.
    pub(crate) part: u32,
}

/// A deal counts once it has been submitted for registration or won, and with
/// every correction. Drafts and open pipeline deals are not stored. If a won deal
/// is deleted in its CRM, its revenue is reversed at that time, but its
/// registration remains.
fn fold(event: &Event) -> Result<Option<Document>> {
    let deal = decode::<pb::DealUpdated>(event)?.deal.unwrap_or_default();
    let counts = deal.submit_time.is_some() || deal.win_time.is_some() || event.subject == "sell.deal.corrected";
    if !counts {
        return Ok(None);
    }
    Document::new(KIND.number, &state(deal)).map(Some)
}

fn state(deal: pb::Deal) -> Stored {
    let customer = deal.customer.clone().unwrap_or_default();
    let amount = deal.amount.clone().unwrap_or_default();
    Stored {
        submit: micros(deal.submit_time.as_ref()),
        withdraw: micros(deal.withdraw_time.as_ref()),
        duplicate: deal.closure_code() == pb::ClosureCode::Duplicate,
        win: micros(deal.win_time.as_ref()).filter(|_| deal.delete_time.is_none()),
        amount: amount.minor_units,
        currency: amount.currency_code,
        credits: credits(&deal),
        partner: last(&deal.partner).to_owned(),
        product_line: deal.product_line,
        territory: customer.territory,
        vertical: customer.vertical,
    }
}

/// Returns the credited partners. A partner's deal without credits is credited to
/// that partner alone.
fn credits(deal: &pb::Deal) -> Vec<Credit> {
    if deal.credits.is_empty() && !deal.partner.is_empty() {
        return vec![Credit { partner: last(&deal.partner).to_owned(), basis_points: 10_000 }];
    }
    let credit = |c: &pb::Credit| Credit { partner: last(&c.partner).to_owned(), basis_points: c.share_basis_points };
    deal.credits.iter().map(credit).collect()
}

/// A version of a deal with its state.
struct Version<'a> {
    row: &'a Row,
    deal: Stored,
}

/// Derives the registration and the revenue of one deal.
pub(super) fn derive(
    rows: &[&Row],
    interner: &mut Interner,
    activities: &mut Placed<Activity>,
    postings: &mut Placed<Posting>,
) -> Result<()> {
    let versions = rows.iter().map(|row| Ok(Version { row, deal: row.state()? })).collect::<Result<Vec<_>>>()?;
    registration(&versions, interner, activities);
    revenue(&versions, interner, postings);
    Ok(())
}

fn registration(versions: &[Version<'_>], interner: &mut Interner, out: &mut Placed<Activity>) {
    let mut knowledge = Knowledge::new();
    for (i, Version { row, deal }) in versions.iter().enumerate() {
        let mut counted = Vec::new();
        if let Some(at) = deal.submit
            && !deal.partner.is_empty()
        {
            let partner = interner.partners.intern(&deal.partner);
            let known = versions.get(..=i).unwrap_or_default();
            counted.extend(validity(known, at).spans().filter(|s| s.2).map(|(from, to, _)| (partner, at, from, to)));
        }
        knowledge.now(row.recorded, counted);
    }
    let fact = |((partner, at, from, to), known_from, known_to)| {
        let value = Activity { at, kind: ActivityKind::Registration };
        (partner, Fact { value, span: Span::new((from, to), (known_from, known_to)) })
    };
    out.extend(knowledge.facts().map(fact));
}

/// Returns when a submitted registration counts and when it does not.
fn validity(known: &[Version<'_>], submit: i64) -> Overlay<bool> {
    let mut overlay = Overlay::new();
    overlay.push(submit, true);
    let mut void = false;
    for Version { row, deal } in known {
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

/// A posted amount of revenue, with the shares by which it is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lot {
    at: i64,
    total: i64,
    currency: u32,
    /// Lists of the credited partners and of their weights, the direct rest last.
    partners: u32,
    weights: u32,
}

/// Returns the lot of a version in which the deal is won.
fn won(deal: &Stored, interner: &mut Interner) -> Option<Lot> {
    let at = deal.win?;
    let mut partners: Vec<i64> = deal.credits.iter().map(|c| i64::from(interner.partners.intern(&c.partner))).collect();
    let mut weights: Vec<i64> = deal.credits.iter().map(|c| i64::from(c.basis_points).max(0)).collect();
    let rest = WHOLE - weights.iter().sum::<i64>();
    if rest > 0 {
        partners.push(i64::from(NO_PARTNER));
        weights.push(rest);
    }
    Some(Lot {
        at,
        total: deal.amount,
        currency: interner.texts.intern(&deal.currency),
        partners: interner.lists.intern(&partners),
        weights: interner.lists.intern(&weights),
    })
}

/// Posts the revenue of a deal. The first win posts the amount at the time of the
/// win. Every later version that changes the money is a correction and counts when
/// it occurred: it reverses the amount in force, if any, and posts the new one, if
/// any. A version with a different win time moves the first posting, but no
/// correction.
fn revenue(versions: &[Version<'_>], interner: &mut Interner, out: &mut Placed<Posting>) {
    let mut knowledge = Knowledge::new();
    let mut posted: Vec<Lot> = Vec::new();
    let mut before: Option<Lot> = None;
    for Version { row, deal } in versions {
        let now = won(deal, interner);
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
        post(&lot, (known_from, known_to), interner, out);
    }
}

fn same_money(a: &Lot, b: &Lot) -> bool {
    (a.total, a.currency, a.partners, a.weights) == (b.total, b.currency, b.partners, b.weights)
}

/// Posts to each credited partner its share of a lot.
fn post(lot: &Lot, known: (i64, i64), interner: &Interner, out: &mut Placed<Posting>) {
    let shares = money::split(lot.total, interner.lists.get(lot.weights)).unwrap_or_default();
    let partners = interner.lists.get(lot.partners).iter();
    let posting = |(i, (minor, partner)): (usize, (i64, &i64))| {
        let Lot { at, total, currency, weights, .. } = *lot;
        let value = Posting { at, minor, total, currency, weights, part: u32::try_from(i).unwrap_or_default() };
        (u32::try_from(*partner).unwrap_or(NO_PARTNER), Fact { value, span: Span::new((at, OPEN), known) })
    };
    out.extend(shares.into_iter().zip(partners).enumerate().map(posting));
}
