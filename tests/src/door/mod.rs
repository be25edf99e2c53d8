//! A serving process as callers and attackers see it: an address, tokens, and
//! bytes on real connections.

mod grpc;
mod http;
mod issuer;
mod target;
mod world;

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};

pub use grpc::{Connection, Opened, Reply, Started};
pub use http::{Line, web_code};
pub use issuer::OutsideIssuer;
pub use target::Target;

/// Names of the settings below `[limits]` that the tests change. A binary that
/// does not know one of them runs without it.
pub mod limit {
    /// Unary calls in progress.
    pub const CONCURRENCY: &str = "concurrency_max";
    /// Bytes of one message.
    pub const MESSAGE_BYTES: &str = "message_bytes_max";
    /// Connections in total.
    pub const CONNECTIONS: &str = "connections_max";
    /// Connections of one peer address.
    pub const CONNECTIONS_PER_PEER: &str = "connections_per_address_max";
    /// Seconds that a connection may be without a request.
    pub const CONNECTION_IDLE_S: &str = "connection_idle_s_max";
    /// Bytes of all bodies that are being read.
    pub const BUFFERED_BYTES: &str = "buffered_bytes_max";
    /// Milliseconds in which a body must arrive.
    pub const BODY_READ_MS: &str = "body_read_ms_max";
    /// Seconds that a stream may be without a message.
    pub const STREAM_IDLE_S: &str = "stream_idle_s_max";
    /// Open streams of one caller.
    pub const STREAMS_PER_CALLER: &str = "streams_per_caller_max";
    /// Requests per second of one caller.
    pub const CALLER_RATE: &str = "rate_per_caller_per_second";
    /// Requests that one caller may send at once.
    pub const CALLER_BURST: &str = "rate_burst";
    /// Requests per second of one tenant.
    pub const TENANT_RATE: &str = "rate_per_tenant_per_second";
    /// Requests that one tenant may send at once.
    pub const TENANT_BURST: &str = "rate_tenant_burst";
    /// Requests per second with refused tokens from one address.
    pub const REFUSALS: &str = "refusals_per_address_per_second";
    /// No caller and no tenant reaches its rate.
    pub const UNLIMITED: [(&str, u64); 4] =
        [(CALLER_RATE, 1_000_000), (CALLER_BURST, 1_000_000), (TENANT_RATE, 1_000_000), (TENANT_BURST, 1_000_000)];
}

/// Waits for something that has to happen within a time.
///
/// # Errors
/// If it does not, with `what` as the text, or if it fails.
pub async fn within<T>(time: Duration, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(time, work).await.with_context(|| format!("{what}: nothing within {time:?}"))?.with_context(|| what.to_owned())
}

/// Asks again until the answer is `true`.
///
/// # Errors
/// If it is not within the time, or asking fails.
pub async fn until<F: Future<Output = Result<bool>>>(time: Duration, what: &str, mut ask: impl FnMut() -> F) -> Result<()> {
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    within(time, what, async {
        loop {
            pause.tick().await;
            if ask().await? {
                return Ok(());
            }
        }
    })
    .await
}
