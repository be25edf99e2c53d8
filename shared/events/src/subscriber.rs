//! An embedded subscriber: a cursor over another service's log.

use std::{sync::Arc, time::Duration};

use stoa_kernel::{Clock, Result};
use stoa_proto::events::v1::Event;
use stoa_store::Store;
use tokio::sync::{Mutex, watch};

use crate::{
    apply::{Applier, Disposition, Mark, Outcome, backoff_ms},
    cursor, parked,
    source::Source,
    subscription::Subscription,
};

/// Maximum number of events that one transaction applies.
const EVENTS_PER_RUN_MAX: u64 = 256;
/// Maximum number of irrelevant events that are skipped before the cursor row
/// moves: moving it costs a transaction, and skipping them again costs next to
/// nothing.
const EVENTS_PASSED_PER_MOVE_MAX: i64 = 1000;
/// The pause after a first transient failure. Eight attempts take about 13 s.
const BACKOFF_MS: u64 = 100;

/// Reads a source and applies the events that one subscription takes. Its
/// cursor is kept in the consumer's store and moves in the transaction of the
/// effect.
pub struct Subscriber {
    source: Arc<dyn Source>,
    applier: Applier,
    backoff_ms: u64,
    at: Mutex<Option<At>>,
}

#[derive(Clone, Copy)]
struct At {
    /// Position in the cursor row.
    stored: i64,
    /// Position read so far. It is ahead if no relevant event has come since.
    read: i64,
}

impl Subscriber {
    /// Creates a subscriber of the service that the store belongs to.
    #[must_use]
    pub fn new(store: Store, source: Arc<dyn Source>, subscription: Subscription, clock: Clock) -> Self {
        Self { source, applier: Applier::new(store, subscription, clock), backoff_ms: BACKOFF_MS, at: Mutex::new(None) }
    }

    /// Sets another pause after a first failure.
    #[must_use]
    pub const fn backoff_ms(mut self, base: u64) -> Self {
        self.backoff_ms = base;
        self
    }

    /// The subscription.
    #[must_use]
    pub const fn subscription(&self) -> &Subscription {
        self.applier.subscription()
    }

    /// A value that changes when there may be something to do.
    #[must_use]
    pub fn wake(&self) -> watch::Receiver<u64> {
        self.source.wake()
    }

    /// Applies the next batch. Returns how many positions it advanced, 0 at the
    /// end of the log. An event that fails for a transient reason is tried
    /// again before this returns.
    ///
    /// # Errors
    /// The errors of the stores. The cursor does not move past what was
    /// applied.
    pub async fn run_once(&self) -> Result<u64> {
        let mut place = self.at.lock().await;
        // What was read before a failure is read again, from the cursor row.
        let mut at = match place.take() {
            Some(at) => at,
            None => self.stored().await?,
        };
        let start = at.read;
        let batch = self.source.read(start, EVENTS_PER_RUN_MAX).await?;
        let taken: Vec<Event> = batch.events.into_iter().filter(|e| self.subscription().takes(&e.subject)).collect();
        if !taken.is_empty() || batch.through - at.stored >= EVENTS_PASSED_PER_MOVE_MAX {
            self.apply(&mut at, taken, batch.through).await?;
        }
        at.read = batch.through;
        *place = Some(at);
        Ok(u64::try_from(at.read - start).unwrap_or_default())
    }

    /// The position up to which every event took effect or is parked.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn applied(&self) -> Result<i64> {
        Ok(self.stored().await?.stored)
    }

    /// Number of positions that the subscriber is behind its source.
    ///
    /// # Errors
    /// The errors of the stores.
    pub async fn lag(&self) -> Result<u64> {
        let place = *self.at.lock().await;
        let at = match place {
            Some(at) => at,
            None => self.stored().await?,
        };
        Ok(u64::try_from(self.source.head().await? - at.read).unwrap_or_default())
    }

    /// Number of parked events of the subscription.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn parked_count(&self) -> Result<u64> {
        parked::count(self.applier.store(), self.subscription()).await
    }

    async fn stored(&self) -> Result<At> {
        let stored = cursor::read(self.applier.store().read(), self.applier.key()).await?;
        Ok(At { stored, read: stored })
    }

    async fn apply(&self, at: &mut At, events: Vec<Event>, through: i64) -> Result<()> {
        let mark = Mark::Cursor { from: at.stored, to: through };
        if let Outcome::Applied = self.applier.attempt(events.clone(), mark).await? {
            at.stored = through;
            return Ok(());
        }
        let ends = safe_positions(&events, at.stored, through);
        for (event, to) in events.into_iter().zip(ends) {
            self.apply_one(event, Mark::Cursor { from: at.stored, to }).await?;
            at.stored = to;
        }
        Ok(())
    }

    async fn apply_one(&self, event: Event, mark: Mark) -> Result<()> {
        let mut attempt = 1;
        while let Disposition::Retry = self.applier.apply_or_park(event.clone(), mark, attempt).await? {
            #[expect(clippy::disallowed_methods, reason = "back-off between attempts; no transaction is open")]
            tokio::time::sleep(Duration::from_millis(backoff_ms(self.backoff_ms, attempt))).await;
            attempt += 1;
        }
        Ok(())
    }
}

/// Where the cursor may be after each event: before all events that are still
/// to come, in whatever order the source supplied them.
fn safe_positions(events: &[Event], from: i64, through: i64) -> Vec<i64> {
    let mut ends = vec![through; events.len()];
    let mut next = through + 1;
    for i in (0..events.len().saturating_sub(1)).rev() {
        next = next.min(events[i + 1].position);
        ends[i] = (next - 1).max(from);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(positions: &[i64], from: i64, through: i64) -> Vec<i64> {
        let events: Vec<Event> = positions.iter().map(|p| Event { position: *p, ..Default::default() }).collect();
        safe_positions(&events, from, through)
    }

    #[test]
    fn the_cursor_never_passes_an_event_to_come() {
        assert_eq!(ends(&[1, 2, 3], 0, 3), [1, 2, 3]);
        assert_eq!(ends(&[2, 5], 0, 9), [4, 9]);
        assert_eq!(ends(&[13, 11, 12], 10, 13), [10, 11, 13]);
        assert_eq!(ends(&[12, 4, 11], 10, 12), [10, 10, 12]);
        assert!(ends(&[], 0, 5).is_empty());
    }
}
