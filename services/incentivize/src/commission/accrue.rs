//! Commissions accrue from won deals. Events may come twice and in any order:
//! only a higher version of a deal is applied, and what it has to have is
//! computed from its state.

use futures::FutureExt;
use stoa_events::{Event, Fact, OnFailure, Subscription};
use stoa_kernel::{Clock, Cx, Result, Timestamp, etag, names};
use stoa_proto::{
    incentivize::v1::{Commission, CommissionAccrued, CommissionCanceled},
    sell::v1::DealWon,
};
use stoa_store::Tx;

use super::{
    arithmetic::{self, Source},
    facts, store,
};
use crate::{commission_rule, ledger};

/// What takes all commission from a deal.
const DELETED: &str = "sell.deal.deleted";

/// Facts of sell that commissions follow from.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    let clock = clock.clone();
    vec![Subscription {
        name: "commission-accrual",
        source: "sell",
        subjects: &["sell.deal.won", "sell.deal.corrected", DELETED],
        on_failure: OnFailure::Park,
        handler: stoa_events::handler(move |tx, event| apply(tx, event, clock.clone()).boxed()),
    }]
}

/// Takes the commissions of a deal to what its state earns.
async fn apply(tx: &Tx, event: &Event, clock: Clock) -> Result<()> {
    let cx = Cx::service(&event.tenant, crate::NAME, &clock, &event.event_id);
    // Every event of a deal carries it in field 1, so that one type reads all.
    let mut deal = stoa_events::decode::<DealWon>(event)?.deal.unwrap_or_default();
    if deal.imported {
        return Ok(());
    }
    if event.subject == DELETED {
        deal.win_time = None;
    }
    if !store::take_version(tx, &cx, names::last(&deal.name), event.version).await? {
        return Ok(());
    }
    let standing = store::of_deal(tx.conn(), &cx, names::last(&deal.name)).await?;
    let won = Timestamp::stored(deal.win_time.as_ref());
    let rules = match won {
        Some(won) => commission_rule::store::effective(tx.conn(), &cx, won).await?,
        None => Vec::new(),
    };
    let partners: Vec<String> = match won {
        Some(_) => arithmetic::shares(&deal).into_iter().map(|(partner, _)| partner).collect(),
        None => Vec::new(),
    };
    let facts = facts::of(tx, &cx, &partners, &standing, won.unwrap_or(cx.now)).await?;
    let due = arithmetic::due(&deal, &rules, &facts)?;
    let source = Source { event_id: &event.event_id, deal_version: event.version, now: cx.now };
    let change = arithmetic::rows(source, &deal, &due, &standing, &facts)?;
    for row in &change.new {
        accrued(tx, &cx, row, event).await?;
    }
    for row in &change.canceled {
        store::save(tx, &cx, row).await?;
        let fact = Fact::new(&row.name, etag::version(&row.etag)).partner(&row.partner).changed(vec!["state".to_owned()]);
        stoa_events::append(tx, &cx, fact, &CommissionCanceled { commission: Some(row.clone()) }).await?;
    }
    Ok(())
}

/// A new row, its event and its posting, on the day the deal's fact was recorded.
async fn accrued(tx: &Tx, cx: &Cx, row: &Commission, event: &Event) -> Result<()> {
    store::insert(tx, cx, row).await?;
    let occurred = Timestamp::stored(event.occurred_time.as_ref()).unwrap_or(cx.now);
    let recorded = Timestamp::stored(event.recorded_time.as_ref()).unwrap_or(cx.now);
    let fact = Fact::new(&row.name, 1).partner(&row.partner).occurred(occurred);
    stoa_events::append(tx, cx, fact, &CommissionAccrued { commission: Some(row.clone()) }).await?;
    ledger::post(tx, cx, &ledger::commission_accrued(row)?, recorded).await
}
