//! Applies events: the effect and the mark that it happened, in one
//! transaction, whichever way the events arrived.

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures::FutureExt;
use stoa_kernel::{Clock, Error, Result};
use stoa_proto::events::v1::Event;
use stoa_store::{Store, Tx};
use tracing::Instrument;

use crate::{
    cursor, inbox, parked,
    subscription::{OnFailure, Subscription},
};

/// Maximum number of attempts at an event before it is parked.
pub const DELIVERIES_MAX: i64 = 8;
/// The longest pause between two attempts.
const BACKOFF_MAX_MS: u64 = 30_000;

/// How the consumer's store records that events took effect.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mark {
    /// The subscription's cursor moves.
    Cursor {
        /// The position that it is at.
        from: i64,
        /// The position that it moves to.
        to: i64,
    },
    /// The inbox has a row for each event.
    Inbox,
}

/// How an attempt ended, if the store did its part.
pub(crate) enum Outcome {
    Applied,
    /// The handler refused, and nothing happened.
    Failed(Error),
}

/// What to do about one event after an attempt.
pub(crate) enum Disposition {
    /// It took effect or is parked.
    Done,
    /// It should be tried again later.
    Retry,
}

/// Applies events of one subscription.
pub(crate) struct Applier {
    store: Store,
    subscription: Subscription,
    key: String,
    clock: Clock,
}

/// What a transaction works on. It is shared with the caller, which reads from
/// `handler_error` whether a failure was the handler's or the store's.
struct Work {
    subscription: Subscription,
    key: String,
    events: Vec<Event>,
    mark: Mark,
    clock: Clock,
    handler_error: HandlerError,
}

impl Applier {
    pub(crate) fn new(store: Store, subscription: Subscription, clock: Clock) -> Self {
        Self { key: subscription.key(), store, subscription, clock }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) const fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Applies events in one transaction: all or none.
    pub(crate) async fn attempt(&self, events: Vec<Event>, mark: Mark) -> Result<Outcome> {
        let work = Arc::new(self.work(events, mark));
        let written = self.store.write(work.clone(), |tx, work| Box::pin(apply(tx, work))).await;
        match (written, work.handler_error.take()) {
            (Ok(()), _) => Ok(Outcome::Applied),
            (Err(_), Some(error)) => Ok(Outcome::Failed(error)),
            (Err(error), None) => Err(error),
        }
    }

    /// Applies one event, or parks it if another attempt would not help.
    pub(crate) async fn apply_or_park(&self, event: Event, mark: Mark, attempt: i64) -> Result<Disposition> {
        let error = match self.attempt(vec![event.clone()], mark).await? {
            Outcome::Applied => return Ok(Disposition::Done),
            Outcome::Failed(error) => error,
        };
        let (subscription, event_id) = (&self.key, &event.event_id);
        let (reason, cause) = (error.reason().as_str(), error.cause().unwrap_or_default().to_owned());
        if error.is_transient() && attempt < DELIVERIES_MAX {
            tracing::warn!(subscription, event_id, attempt, reason, cause, "an event could not be applied and will be tried again");
            return Ok(Disposition::Retry);
        }
        tracing::error!(subscription, event_id, attempt, reason, cause, "an event could not be applied and is parked");
        let work = (self.work(vec![event], mark), attempt, error.to_string());
        self.store.write(work, |tx, (work, attempt, error)| Box::pin(park(tx, work, *attempt, error))).await?;
        Ok(Disposition::Done)
    }

    fn work(&self, events: Vec<Event>, mark: Mark) -> Work {
        Work {
            subscription: self.subscription.clone(),
            key: self.key.clone(),
            events,
            mark,
            clock: self.clock.clone(),
            handler_error: HandlerError::default(),
        }
    }
}

/// The pause after an attempt.
pub(crate) fn backoff_ms(base_ms: u64, attempt: i64) -> u64 {
    let doublings = u32::try_from(attempt - 1).unwrap_or_default().min(20);
    base_ms.saturating_mul(1 << doublings).min(BACKOFF_MAX_MS)
}

/// The handler's error, kept apart from the store's: only the handler's counts
/// as an attempt.
#[derive(Default)]
pub(crate) struct HandlerError(Mutex<Option<Error>>);

impl HandlerError {
    /// Takes the handler's error, once.
    pub(crate) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Runs the handler in a span that continues the trace of the write.
    pub(crate) async fn run_handler(&self, tx: &Tx, subscription: &Subscription, event: &Event) -> Result<()> {
        let Event { subject, event_id, tenant, aggregate, version, .. } = event;
        let span = tracing::info_span!("handle event", subscription = subscription.name, subject, event_id, tenant, aggregate, version);
        if !event.traceparent.is_empty() {
            stoa_telemetry::continue_trace(&span, &event.traceparent);
        }
        // The whole handler runs inside, including what it does before its
        // first await.
        let work = async { (subscription.handler)(tx, event).await };
        let run = AssertUnwindSafe(work.instrument(span)).catch_unwind();
        let result = run.await.unwrap_or_else(|_| Err(Error::internal("the handler panicked")));
        if let Err(error) = &result {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        result
    }
}

async fn apply(tx: &Tx, work: &Work) -> Result<()> {
    // The store may run this again.
    work.handler_error.take();
    let mut fresh = mark(tx, work).await?;
    let blocked = match work.subscription.on_failure {
        OnFailure::Park => HashSet::new(),
        OnFailure::ParkAggregate => parked::blocked(tx, &work.key, &work.events).await?,
    };
    for event in &work.events {
        if let Some(fresh) = &mut fresh
            && !fresh.remove(&event.event_id)
        {
            continue;
        }
        if blocked.contains(&(event.tenant.clone(), event.aggregate.clone())) {
            parked::insert(tx, &work.key, event, 0, parked::BEHIND, work.clock.now()).await?;
        } else {
            work.handler_error.run_handler(tx, &work.subscription, event).await?;
        }
    }
    Ok(())
}

async fn park(tx: &Tx, work: &Work, attempt: i64, error: &str) -> Result<()> {
    let fresh = mark(tx, work).await?;
    for event in &work.events {
        if fresh.as_ref().is_none_or(|fresh| fresh.contains(&event.event_id)) {
            parked::insert(tx, &work.key, event, attempt, error, work.clock.now()).await?;
        }
    }
    Ok(())
}

/// Marks the events. Returns the IDs of the new ones, if the mark can tell.
async fn mark(tx: &Tx, work: &Work) -> Result<Option<HashSet<String>>> {
    match work.mark {
        Mark::Cursor { from, to } => {
            cursor::advance(tx, &work.key, from, to).await?;
            Ok(None)
        }
        Mark::Inbox => {
            if work.subscription.on_failure == OnFailure::ParkAggregate {
                // Serialized with replays: an event that is parked behind
                // another must not miss that the other has just left.
                cursor::lock(tx, &work.key).await?;
            }
            inbox::claim(tx, &work.key, &work.events).await.map(Some)
        }
    }
}
