//! Where a subscriber reads.

use stoa_kernel::Result;
use stoa_proto::events::v1::Event;
use tokio::sync::watch;

/// What one read gave.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The events, in any order, with repetitions where the source repeats.
    pub events: Vec<Event>,
    /// The position that a reader has come to with these events: the next read
    /// starts behind it.
    pub through: i64,
}

/// A log that can be read from a position on.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// Events behind a position.
    ///
    /// # Errors
    /// As the store answers.
    async fn read(&self, after: i64, limit: u64) -> Result<Batch>;

    /// The last position.
    ///
    /// # Errors
    /// As the store answers.
    async fn head(&self) -> Result<i64>;

    /// Changes when there may be more to read. A wake-up may be missed where
    /// another process writes, so a reader looks from time to time as well.
    fn wake(&self) -> watch::Receiver<u64>;
}
