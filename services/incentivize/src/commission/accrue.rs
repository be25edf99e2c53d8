//! Commissions accrue from won deals. Events may arrive twice and in any order:
//! only a higher version of a deal is applied, and what it earns is computed
//! from its state and from what held at the instant of the win. If that becomes
//! known only later, the deal is settled again.

use stoa_events::{Event, OnFailure, Step, Subscription, handler, record, record_changed};
use stoa_kernel::{Clock, Cx, Error, Result, Timestamp, names};
use stoa_proto::{
    incentivize::v1::{Commission, CommissionAccrued, CommissionCanceled},
    sell::v1::{Deal, DealWon},
};
use stoa_store::Tx;

use super::{
    arithmetic::{self, Source},
    deals, eligibility,
    store::{self, Commissions},
};
use crate::{
    commission_rule,
    enrollment_history::{self, tiers_at},
    ledger,
};

/// The event that takes all commission from a deal.
const DELETED: &str = "sell.deal.deleted";

/// Returns the subscriptions to the events that commissions follow from: those
/// of deals, and those of enrollments of the partners that are credited in
/// them.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    vec![
        Subscription {
            name: "commission-accrual",
            source: "sell",
            subjects: &["sell.deal.won", "sell.deal.corrected", DELETED],
            on_failure: OnFailure::Park,
            handler: handler(crate::NAME, clock, deal_changed),
        },
        Subscription {
            name: "enrollment-history",
            source: "onboard",
            subjects: &["onboard.enrollment."],
            on_failure: OnFailure::Park,
            handler: handler(crate::NAME, clock, enrollment_changed),
        },
    ]
}

/// Settles a deal after its state changed.
async fn deal_changed(tx: &Tx, cx: &Cx, event: &Event) -> Result<()> {
    // Every event of a deal carries it in field 1, so that one type decodes them all.
    let mut deal = stoa_events::decode::<DealWon>(event)?.deal.unwrap_or_default();
    if deal.imported {
        return Ok(());
    }
    if event.subject == DELETED {
        deal.win_time = None;
    }
    let mut partners: Vec<String> = arithmetic::shares(&deal).into_iter().map(|(partner, _)| partner).collect();
    partners.sort();
    for partner in &partners {
        enrollment_history::store::lock(tx, cx, names::last(partner)).await?;
    }
    if !deals::store_if_newer(tx, cx, &deal, event.version).await? {
        return Ok(());
    }
    settle(tx, cx, &deal, event.version, event).await
}

/// Settles again the deals at whose win the partner had other tiers than was
/// known so far.
async fn enrollment_changed(tx: &Tx, cx: &Cx, event: &Event) -> Result<()> {
    let Some(change) = enrollment_history::record_version(tx, cx, event).await? else { return Ok(()) };
    for (deal, won) in deals::won_since(tx.conn(), cx, &change.partner, change.since).await? {
        if tiers_at(&change.before, won) == tiers_at(&change.after, won) {
            continue;
        }
        if let Some((deal, version)) = deals::lock(tx, cx, &deal).await? {
            settle(tx, cx, &deal, version, event).await?;
        }
    }
    Ok(())
}

/// Brings the commissions of a deal to what it earns, given what is known now.
async fn settle(tx: &Tx, cx: &Cx, deal: &Deal, version: i64, event: &Event) -> Result<()> {
    let existing = store::of_deal(tx.conn(), cx, names::last(&deal.name)).await?;
    let rules = match Timestamp::stored(deal.win_time.as_ref()) {
        Some(won) => commission_rule::store::effective(tx.conn(), cx, won).await?,
        None => Vec::new(),
    };
    let eligible = eligibility::of_partners(tx, cx, deal, &existing).await?;
    let due = arithmetic::due(deal, &rules, &eligible)?;
    let source = Source { event_id: &event.event_id, deal_version: version, now: cx.now };
    let change = arithmetic::rows(source, deal, &due, &existing, &eligible)?;
    for row in change.new {
        accrue(tx, cx, row, event).await?;
    }
    for row in change.canceled {
        let current = existing.iter().find(|current| current.name == row.name);
        let current = current.ok_or_else(|| Error::internal(format!("{} is canceled but does not exist", row.name)))?;
        record_changed::<Commissions, CommissionCanceled>(tx, cx, current, row).await?;
    }
    Ok(())
}

/// Records a new row and its event, and posts it on the day that its cause was recorded.
async fn accrue(tx: &Tx, cx: &Cx, row: Commission, event: &Event) -> Result<()> {
    let occurred = Timestamp::stored(event.occurred_time.as_ref()).unwrap_or(cx.now);
    let recorded = Timestamp::stored(event.recorded_time.as_ref()).unwrap_or(cx.now);
    let row = record::<Commissions>(tx, cx, None, [Step::new::<CommissionAccrued>(row).at(occurred)]).await?;
    ledger::post(tx, cx, &ledger::commission_accrued(&row)?, recorded).await
}
