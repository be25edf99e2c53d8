//! Events that the stream does not supply: a durable consumer that starts or
//! resumes before the stream's first message would never learn of them.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use stoa_kernel::{Error, Result};
use stoa_proto::events::v1::Event;
use tokio::{sync::Mutex, time::Instant};

use super::{
    consumer::{Consumer, EVENTS_PER_RUN_MAX},
    envelope,
};
use crate::{ahead, source::Source};

/// Time between two comparisons of what was applied with what exists.
const COMPARE_EVERY: Duration = Duration::from_secs(300);

/// Finds and closes gaps.
pub(super) struct Gaps {
    archive: Arc<dyn Source>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the next comparison is due. `None` means at once, after a start.
    due: Option<Instant>,
    /// The position up to which everything was applied at the last comparison.
    through: Option<i64>,
}

impl Gaps {
    pub(super) fn new(archive: Arc<dyn Source>) -> Self {
        Self { archive, state: Mutex::default() }
    }
}

impl Consumer {
    /// The position up to which everything from the source was applied or
    /// parked. 0 for a consumer without an archive.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn applied(&self) -> Result<i64> {
        ahead::applied_through(self.store.read(), self.source).await
    }

    /// Compares what was applied with what the stream can supply, and reads the
    /// rest from the archive. Returns how many events came from there. An event
    /// is missing if it is before the stream's first event, or if it has not
    /// arrived since the last comparison.
    ///
    /// # Errors
    /// UNAVAILABLE if the stream or the archive cannot be read, and the errors
    /// of the store.
    pub async fn close_gaps(&self) -> Result<u64> {
        let Some(gaps) = &self.gaps else { return Ok(0) };
        let mut state = gaps.state.lock().await;
        state.due = Some(Instant::now() + COMPARE_EVERY);
        let through = self.applied().await?;
        let waited = state.through.replace(through) == Some(through);
        if !waited && self.first_in_stream().await?.is_some_and(|first| first <= through + 1) {
            return Ok(0);
        }
        let supplied = self.read_archive(&*gaps.archive).await?;
        if supplied > 0 {
            tracing::warn!(source = self.source, from = through, supplied, "the stream did not supply events; they were read from the log");
        }
        state.through = Some(self.applied().await?);
        Ok(supplied)
    }

    pub(super) async fn close_gaps_when_due(&self) -> u64 {
        let Some(gaps) = &self.gaps else { return 0 };
        if gaps.state.lock().await.due.is_some_and(|due| Instant::now() < due) {
            return 0;
        }
        match self.close_gaps().await {
            Ok(supplied) => supplied,
            Err(error) => {
                // The stream's events go on, and the next comparison tries
                // again.
                tracing::warn!(source = self.source, cause = error.cause(), %error, "the search for gaps of the stream failed");
                0
            }
        }
    }

    /// Applies the archive's events from the first missing one until they meet
    /// what the stream supplied, or until the end.
    async fn read_archive(&self, archive: &dyn Source) -> Result<u64> {
        let mut supplied = 0;
        loop {
            let through = self.applied().await?;
            let batch = archive.read(through, EVENTS_PER_RUN_MAX as u64).await?.events;
            let positions: Vec<i64> = batch.iter().map(|event| event.position).collect();
            let (Some(first), Some(last)) = (positions.iter().min(), positions.iter().max()) else { return Ok(supplied) };
            if *first > through + 1 {
                tracing::error!(source = self.source, from = through + 1, to = first - 1, "the log no longer keeps these events");
            }
            let known = ahead::applied_among(self.store.read(), self.source, &positions).await?;
            let missing: Vec<&Event> = batch.iter().filter(|event| !known.contains(&event.position)).collect();
            let failed = self.apply(first - 1, &missing).await?;
            supplied += (missing.len() - failed.len()) as u64;
            let now = self.applied().await?;
            if !failed.is_empty() || now != *last {
                return Ok(supplied);
            }
        }
    }

    /// Position of the first event from the source that the stream has.
    async fn first_in_stream(&self) -> Result<Option<i64>> {
        let stream = self.bus.context.get_stream(&self.bus.config.stream).await.map_err(Error::unavailable)?;
        let subject = envelope::filter(&self.bus.config.prefix, self.source);
        match stream.get_first_raw_message_by_subject(subject, 1).await {
            // A message that is not an event of ours has no position.
            Ok(message) => Ok(envelope::event(Some(&message.headers), &message.payload).ok().map(|event| event.position)),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(Error::unavailable(error)),
        }
    }
}
