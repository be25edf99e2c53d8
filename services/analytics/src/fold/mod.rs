//! From an event to the row that analytics keeps of it. Pure.
//!
//! A row holds what the metrics need of the aggregate's state after one version,
//! with both instants. Rows are only ever added, one a version: folding is
//! idempotent and its order does not matter, because what a row *means* is
//! derived from all rows of its aggregate together (see `frame::derive`).

mod enable;
mod incentivize;
mod market;
mod onboard;
pub(crate) mod row;
mod sell;
pub(crate) mod store;

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::{Event, OnFailure, Subscription};
use stoa_kernel::{Result, Timestamp};
use stoa_store::Tx;

pub(crate) use row::{Body, Row};

/// The services whose logs are folded, in the order of their numbers.
pub(crate) const SOURCES: [&str; 5] = ["onboard", "enable", "market", "sell", "incentivize"];

/// Name of the subscriptions.
pub(crate) const FOLD: &str = "fold";

/// One subscription a source. An event that cannot be folded holds later ones of
/// its aggregate back, because every fact counts.
pub(crate) fn subscriptions() -> Vec<Subscription> {
    SOURCES
        .into_iter()
        .map(|source| Subscription {
            name: FOLD,
            source,
            subjects: &[],
            on_failure: OnFailure::ParkAggregate,
            handler: Arc::new(move |tx: &Tx, event: &Event| apply(tx, event).boxed()),
        })
        .collect()
}

async fn apply(tx: &Tx, event: &Event) -> Result<()> {
    match fold(event)? {
        Some(row) => store::add(tx, &event.tenant, &row).await,
        None => Ok(()),
    }
}

/// What analytics keeps of an event, if anything.
///
/// # Errors
/// Where the event's message cannot be decoded.
pub(crate) fn fold(event: &Event) -> Result<Option<Row>> {
    let mut subject = event.subject.split('.');
    let (service, noun) = (subject.next().unwrap_or_default(), subject.next().unwrap_or_default());
    let body = match service {
        "onboard" => onboard::body(event, noun)?,
        "enable" => enable::body(event, noun)?,
        "market" => market::body(event, noun)?,
        "sell" => sell::body(event, noun)?,
        "incentivize" => incentivize::body(event, noun)?,
        _ => None,
    };
    let source = SOURCES.iter().position(|s| *s == service).and_then(|i| i32::try_from(i).ok()).unwrap_or_default();
    Ok(body.map(|body| Row {
        aggregate: event.aggregate.clone(),
        version: event.version,
        occurred: micros(event.occurred_time.as_ref()).unwrap_or_default(),
        recorded: micros(event.recorded_time.as_ref()).unwrap_or_default(),
        source,
        position: event.position,
        body,
    }))
}

fn micros(time: Option<&prost_types::Timestamp>) -> Option<i64> {
    Timestamp::stored(time).map(Timestamp::micros)
}
