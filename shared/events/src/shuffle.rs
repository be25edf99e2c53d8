//! A source that delivers as badly as a bus may.

use std::sync::Arc;

use stoa_kernel::Result;
use tokio::sync::watch;

use crate::source::{Batch, Source};

/// Maximum number of positions that an event may be late.
const POSITIONS_LATE_MAX: i64 = 24;
/// Maximum number of positions that one read advances.
const POSITIONS_PER_READ_MAX: u64 = 64;

/// Shuffles, repeats and delays the events of another source, decided only by a
/// seed. It keeps no state and loses nothing: a late event at position `p`
/// comes with the read that passes `p + delay`, or with the one that reaches
/// the end of the log.
pub struct ShufflingSource {
    inner: Arc<dyn Source>,
    seed: u64,
}

impl ShufflingSource {
    /// Creates a source that shuffles by a seed.
    #[must_use]
    pub fn new(inner: Arc<dyn Source>, seed: u64) -> Self {
        Self { inner, seed }
    }

    fn random(&self, salt: u64, value: i64) -> u64 {
        mix(self.seed ^ mix(salt ^ mix(value.unsigned_abs())))
    }

    /// The delay of an event. Two events in three are on time.
    fn delay(&self, position: i64) -> i64 {
        let random = self.random(1, position);
        if random.is_multiple_of(3) { i64::try_from(random / 3 % POSITIONS_LATE_MAX.unsigned_abs()).unwrap_or_default() } else { 0 }
    }
}

#[async_trait::async_trait]
impl Source for ShufflingSource {
    async fn read(&self, after: i64, limit: u64) -> Result<Batch> {
        let head = self.inner.head().await?;
        let step = 1 + self.random(2, after) % limit.clamp(1, POSITIONS_PER_READ_MAX);
        let through = after.saturating_add_unsigned(step).min(head);
        if through <= after {
            return Ok(Batch { events: Vec::new(), through: after });
        }
        let first = (after - POSITIONS_LATE_MAX).max(0);
        let seen = self.inner.read(first, through.abs_diff(first)).await?.events;
        let mut events = Vec::new();
        for event in seen {
            let due = event.position + self.delay(event.position);
            let last_chance = through == head && due > through;
            if last_chance || (due > after && due <= through) {
                events.push(event.clone());
            }
            if self.random(3, event.position ^ (after << 20)).is_multiple_of(5) && (event.position <= after || due <= through) {
                events.push(event);
            }
        }
        for i in (1..events.len()).rev() {
            let random = self.random(4, after ^ (i64::try_from(i).unwrap_or_default() << 32));
            events.swap(i, usize::try_from(random % (i as u64 + 1)).unwrap_or_default());
        }
        Ok(Batch { events, through })
    }

    async fn head(&self) -> Result<i64> {
        self.inner.head().await
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.inner.wake()
    }
}

/// SplitMix64, written out so that a seed always means the same.
const fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
