//! The sources that subscribers read.

use stoa_kernel::Result;
use stoa_proto::events::v1::Event;
use tokio::sync::watch;

/// The result of one read.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The events, in any order, with repetitions if the source repeats them.
    pub events: Vec<Event>,
    /// The position that a reader has reached with these events. The next read
    /// starts after it.
    pub through: i64,
}

/// A log that can be read from a position onward.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// Events after a position, at most `limit`, and fewer if they are large.
    ///
    /// # Errors
    /// The errors of the store.
    async fn read(&self, after: i64, limit: u64) -> Result<Batch>;

    /// The last position.
    ///
    /// # Errors
    /// The errors of the store.
    async fn head(&self) -> Result<i64>;

    /// A value that changes when there may be more to read. A wake-up may be
    /// missed if another process writes, so a reader also looks from time to
    /// time.
    fn wake(&self) -> watch::Receiver<u64>;
}
