//! Publishes a service's log to the stream.

use std::sync::Arc;

use async_nats::jetstream::context::PublishAckFuture;
use stoa_kernel::{Error, Result};
use stoa_proto::events::v1::Event;
use stoa_store::{
    Store, Tx,
    lease::{self, Lease},
};
use tokio::sync::watch;

use super::{Bus, envelope};
use crate::{cursor, fence::Fence, log::EventLog, source::Source};

/// Maximum number of events in flight. It must be below the client's limit, or
/// collecting their acknowledgments would wait forever.
const EVENTS_PER_RUN_MAX: u64 = 500;
const CURSOR: &str = "jetstream";

/// The publisher of a service. Any number may run, but only one works.
pub struct Publisher {
    bus: Bus,
    store: Store,
    log: EventLog,
    fence: Fence,
}

impl Publisher {
    /// Creates the publisher of the service that the store belongs to.
    #[must_use]
    pub fn new(bus: Bus, store: Store, log: EventLog) -> Self {
        Self { fence: Fence::new(store.clone(), "events.publisher"), bus, store, log }
    }

    /// A value that changes when there may be something to publish.
    #[must_use]
    pub fn wake(&self) -> watch::Receiver<u64> {
        Source::wake(&self.log)
    }

    /// Publishes the next events. Returns how many the stream has acknowledged.
    /// The stream drops what another run has already published.
    ///
    /// # Errors
    /// UNAVAILABLE if the stream acknowledged none, and the errors of the
    /// store.
    pub async fn run_once(&self) -> Result<u64> {
        let from = cursor::read(self.store.read(), CURSOR).await?;
        let events = self.log.read(from, EVENTS_PER_RUN_MAX).await?;
        if events.is_empty() {
            return Ok(0);
        }
        let Some(lease) = self.fence.acquire().await? else { return Ok(0) };
        let (to, count, failure) = self.publish(&events, from).await;
        if count > 0 {
            let moved = self.store.write((lease, from, to), |tx, work| Box::pin(advance(tx, work))).await;
            if let Err(error) = moved {
                self.fence.forget().await;
                return Err(error);
            }
        }
        match failure {
            Some(error) if count == 0 => Err(error),
            Some(error) => {
                tracing::warn!(cause = error.cause(), "not all events could be published; the rest will follow");
                Ok(count)
            }
            None => Ok(count),
        }
    }

    /// The position up to which the stream has everything.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn published(&self) -> Result<i64> {
        cursor::read(self.store.read(), CURSOR).await
    }

    /// Number of events that are not published yet.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn lag(&self) -> Result<u64> {
        let from = self.published().await?;
        Ok(u64::try_from(self.log.head().await? - from).unwrap_or_default())
    }

    /// Lets another publisher take over at once, at the end of a graceful stop.
    ///
    /// # Errors
    /// The errors of the store. The other publisher then waits a few seconds.
    pub async fn release(&self) -> Result<()> {
        self.fence.release().await
    }

    /// Publishes in order, many in flight. Returns the position up to which the
    /// stream has everything.
    async fn publish(&self, events: &[Event], from: i64) -> (i64, u64, Option<Error>) {
        let mut acks = Vec::with_capacity(events.len());
        let mut failure = None;
        for event in events {
            match self.send(event).await {
                Ok(ack) => acks.push(ack),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let (mut to, mut count) = (from, 0);
        for (event, ack) in events.iter().zip(acks) {
            if let Err(error) = ack.await {
                // The stream must have everything up to `to`, so the rest does
                // not count.
                failure = Some(Error::unavailable(error));
                break;
            }
            to = event.position;
            count += 1;
        }
        (to, count, failure)
    }

    async fn send(&self, event: &Event) -> Result<PublishAckFuture> {
        let subject = envelope::subject(&self.bus.config.prefix, event);
        let sent = self.bus.context.publish_with_headers(subject, envelope::headers(event), event.data.clone().into()).await;
        sent.map_err(Error::unavailable)
    }
}

async fn advance(tx: &Tx, (lease, from, to): &(Arc<Lease>, i64, i64)) -> Result<()> {
    lease::check(tx, lease).await?;
    cursor::advance(tx, CURSOR, *from, *to).await
}
