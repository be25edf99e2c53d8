//! Folds the services' logs into rows.
//!
//! A row holds what the metrics need of an aggregate's state after one version,
//! with the instants at which it occurred and was recorded. Rows are only ever
//! added, one per version. Folding is idempotent and its order does not matter,
//! because what a row *means* is derived from all rows of its aggregate (see
//! `fact`).

pub(crate) mod store;

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::{Event, OnFailure, Subscription};
use stoa_kernel::Result;
use stoa_store::Tx;

use crate::{
    fact,
    row::{Row, micros, occurred},
};

/// The services whose logs are folded, in the order of their numbers.
pub(crate) const SOURCES: [&str; 5] = ["onboard", "enable", "market", "sell", "incentivize"];

/// Name of the subscriptions.
pub(crate) const FOLD: &str = "fold";

/// Returns one subscription per source. An event that cannot be folded holds back
/// later events of its aggregate, because every fact counts.
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
    match row(event)? {
        Some(row) => store::add(tx, &event.tenant, &row).await,
        None => Ok(()),
    }
}

/// Returns the row of an event, or `None` if nothing of it is stored.
///
/// # Errors
/// If the event's message cannot be decoded.
fn row(event: &Event) -> Result<Option<Row>> {
    let service = event.subject.split('.').next().unwrap_or_default();
    let source = SOURCES.iter().position(|s| *s == service).and_then(|i| i32::try_from(i).ok()).unwrap_or_default();
    let document = fact::fold(event)?;
    Ok(document.map(|document| Row {
        aggregate: event.aggregate.clone(),
        version: event.version,
        occurred: occurred(event),
        recorded: micros(event.recorded_time.as_ref()).unwrap_or_default(),
        source,
        position: event.position,
        document,
    }))
}
