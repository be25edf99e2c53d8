//! Publishes a service's log to the stream.
//!
//! An event that the stream refuses, because it is larger than a message may be,
//! does not hold up the others: it is noted for operators, and its consumers,
//! which see that its position is missing, read it from the log.

use std::{error::Error as _, sync::Arc};

use async_nats::jetstream::{
    ErrorCode,
    context::{PublishAckFuture, PublishError, PublishErrorKind},
};
use stoa_kernel::{Error, Result, clock::wall_now};
use stoa_proto::events::v1::Event;
use stoa_store::{
    Store, Tx,
    lease::{self, Lease},
};
use tokio::sync::watch;

use super::{Bus, envelope};
use crate::{cursor, fence::Fence, log::EventLog, parked, source::Source};

/// Maximum number of events in flight; fewer if they are large, because one read
/// of the log has a limit of bytes. It must be below the client's limit, or
/// collecting their acknowledgments would wait forever.
const EVENTS_PER_RUN_MAX: u64 = 500;
const CURSOR: &str = "jetstream";

/// How far a run came.
struct Published {
    /// The stream has everything up to this position, except what it refused.
    to: i64,
    count: u64,
    /// The events that the stream refused, and why.
    refused: Vec<(Event, String)>,
    /// Why the run ended before its last event.
    failure: Option<Error>,
}

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

    /// Publishes the next events. Returns how many the stream has acknowledged
    /// or refused for good. The stream drops what another run has already
    /// published.
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
        let Published { to, count, refused, failure } = self.publish(events, from).await;
        if count > 0 {
            for (event, why) in &refused {
                let Event { event_id, subject, position, data, .. } = event;
                tracing::error!(event_id, subject, position, bytes = data.len(), why, "an event could not be published and is parked");
            }
            let moved = self.store.write((lease, from, to, refused), |tx, work| Box::pin(advance(tx, work))).await;
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

    /// Number of events that the stream refused and nobody has replayed yet.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn parked_count(&self) -> Result<u64> {
        parked::count_of(&self.store, parked::REFUSED).await
    }

    /// Lets another publisher take over at once, at the end of a graceful stop.
    ///
    /// # Errors
    /// The errors of the store. The other publisher then waits a few seconds.
    pub async fn release(&self) -> Result<()> {
        self.fence.release().await
    }

    /// Publishes in order, many in flight.
    async fn publish(&self, events: Vec<Event>, from: i64) -> Published {
        let mut sent = Vec::with_capacity(events.len());
        let mut failure = None;
        for event in &events {
            let ack = self.send(event).await;
            if let Err(error) = &ack
                && !is_refusal(error)
            {
                failure = Some(Error::unavailable(error));
                break;
            }
            sent.push(ack);
        }
        let mut published = Published { to: from, count: 0, refused: Vec::new(), failure };
        for (event, ack) in events.into_iter().zip(sent) {
            let acknowledged = match ack {
                Ok(ack) => ack.await.map(|_| ()),
                Err(error) => Err(error),
            };
            let position = event.position;
            match acknowledged {
                Ok(()) => {}
                Err(error) if is_refusal(&error) => {
                    let why = refusal(&error, &event);
                    published.refused.push((event, why));
                }
                Err(error) => {
                    // The stream must have everything up to `to`, so the rest
                    // does not count.
                    published.failure = Some(Error::unavailable(error));
                    break;
                }
            }
            published.to = position;
            published.count += 1;
        }
        published
    }

    async fn send(&self, event: &Event) -> Result<PublishAckFuture, PublishError> {
        let subject = envelope::subject(&self.bus.config.prefix, event);
        self.bus.context.publish_with_headers(subject, envelope::headers(event), event.data.clone().into()).await
    }
}

/// Whether the stream will never take the message: it is larger than the server
/// or the stream allows.
fn is_refusal(error: &PublishError) -> bool {
    let code = error.source().and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>()).map(|error| error.error_code());
    error.kind() == PublishErrorKind::MaxPayloadExceeded || code == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}

fn refusal(error: &PublishError, event: &Event) -> String {
    let bytes = event.data.len();
    format!("the stream refused the event, which has {bytes} bytes: {error}. Consumers read it from the log.")
}

async fn advance(tx: &Tx, (lease, from, to, refused): &(Arc<Lease>, i64, i64, Vec<(Event, String)>)) -> Result<()> {
    lease::check(tx, lease).await?;
    for (event, why) in refused {
        parked::note_refused(tx, event, why, wall_now()).await?;
    }
    cursor::advance(tx, CURSOR, *from, *to).await
}
