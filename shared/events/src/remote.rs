//! The log of a service in another process.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use stoa_kernel::{Error, Result};
use stoa_proto::events::v1::{Event, ReadEventsRequest, event_service_client::EventServiceClient};
use tokio::sync::watch;
use tonic::{
    body::Body,
    client::GrpcService,
    codegen::{Body as HttpBody, Bytes, StdError},
};

use crate::{
    log::EVENT_BYTES_PER_READ_MAX,
    source::{Batch, Source},
};

/// Maximum time for an owner to supply one batch.
const READ_MAX: Duration = Duration::from_secs(30);

/// Reads another service's log through `ReadEvents`.
pub struct RemoteLog<F> {
    service: &'static str,
    channel: F,
    seen: AtomicI64,
    wake: watch::Sender<u64>,
}

impl<F> RemoteLog<F> {
    /// Creates a reader of the log of `service`. `channel` creates a channel
    /// for one call to it, with a token of a service.
    #[must_use]
    pub fn new(service: &'static str, channel: F) -> Self {
        Self { service, channel, seen: AtomicI64::new(0), wake: watch::Sender::new(0) }
    }
}

impl<F, C> RemoteLog<F>
where
    F: Fn() -> C + Send + Sync,
    C: GrpcService<Body> + Send,
    C::Future: Send,
    C::Error: Into<StdError>,
    C::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <C::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    /// Passes events to `take` until it returns false.
    async fn each(&self, after: i64, mut take: impl FnMut(i64, Option<Event>) -> bool + Send) -> Result<()> {
        let request = ReadEventsRequest { service: self.service.to_owned(), position: after };
        let mut client = EventServiceClient::new((self.channel)());
        let mut answers = client.read_events(request).await.map_err(Error::unavailable)?.into_inner();
        while let Some(answer) = answers.message().await.map_err(Error::unavailable)? {
            self.seen.fetch_max(answer.position, Ordering::Relaxed);
            if !take(answer.position, answer.event) {
                break;
            }
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl<F, C> Source for RemoteLog<F>
where
    F: Fn() -> C + Send + Sync,
    C: GrpcService<Body> + Send,
    C::Future: Send,
    C::Error: Into<StdError>,
    C::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <C::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    async fn read(&self, after: i64, limit: u64) -> Result<Batch> {
        let mut batch = Batch { events: Vec::new(), through: after };
        let mut bytes = 0;
        let work = self.each(after, |position, event| {
            batch.through = position;
            bytes += event.as_ref().map_or(0, |event| event.data.len() as u64);
            batch.events.extend(event);
            (batch.events.len() as u64) < limit && bytes < EVENT_BYTES_PER_READ_MAX
        });
        tokio::time::timeout(READ_MAX, work).await.map_err(|_| Error::unavailable(format!("{} did not answer", self.service)))??;
        Ok(batch)
    }

    /// Reads what has come since the last time: the owner's head is the
    /// position of its last event.
    async fn head(&self) -> Result<i64> {
        self.each(self.seen.load(Ordering::Relaxed), |_, _| true).await?;
        Ok(self.seen.load(Ordering::Relaxed))
    }

    /// Never changes, because another process does not wake this one.
    fn wake(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }
}
