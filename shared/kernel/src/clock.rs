//! The two clocks. Business time stamps facts and decides what is due; wall
//! time rules tokens, leases, deadlines and retries.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use crate::Timestamp;

/// Business time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// Creates a clock that follows wall time.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Creates a clock that stands still until its handle moves it. Only code
    /// in this process can hold the handle: no RPC, header or setting drives
    /// business time.
    #[must_use]
    pub fn driven(start: Timestamp) -> (Self, ClockHandle) {
        let cell = Arc::new(AtomicI64::new(start.micros()));
        (Self(Some(cell.clone())), ClockHandle(cell))
    }

    /// The current business instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => wall_now(),
            Some(cell) => match cell.load(Ordering::SeqCst) {
                RELEASED => wall_now(),
                micros => Timestamp::from_micros(micros),
            },
        }
    }

    /// Whether a handle drives business time now.
    #[must_use]
    pub fn is_driven(&self) -> bool {
        self.0.as_ref().is_some_and(|cell| cell.load(Ordering::SeqCst) != RELEASED)
    }
}

/// Cell value of a clock that follows wall time again.
const RELEASED: i64 = i64::MAX;

/// Moves a driven clock.
#[derive(Debug, Clone)]
pub struct ClockHandle(Arc<AtomicI64>);

impl ClockHandle {
    /// Moves business time forward to an instant, never backward.
    pub fn set(&self, to: Timestamp) {
        self.0.fetch_max(to.micros(), Ordering::SeqCst);
    }

    /// Moves business time forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or_default(), Ordering::SeqCst);
    }

    /// Lets the clock follow wall time from now on.
    pub fn release(&self) {
        self.0.store(RELEASED, Ordering::SeqCst);
    }
}

/// Wall time, for tokens, leases and telemetry.
#[must_use]
pub fn wall_now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
