//! Limits of a server.

/// The limits of what a server accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in progress. Further requests are answered with `OVERLOADED`. A
    /// stream does not count once it has started.
    pub concurrency_max: usize,
    /// Size of one message, in bytes.
    pub message_bytes_max: usize,
    /// Longest deadline of a unary call, and the deadline if the caller sets
    /// none.
    pub deadline_ms_max: u64,
    /// HTTP/2 streams per connection.
    pub streams_max: u32,
    /// Age at which a connection is asked to close, so that clients spread over
    /// new replicas. 0 means no limit.
    pub connection_age_s_max: u64,
    /// Time between "not serving" and the end of accepting, so that load
    /// balancers notice.
    pub lame_duck_ms: u64,
    /// Time that requests in progress get when the process is told to stop.
    pub shutdown_grace_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency_max: 512,
            message_bytes_max: 4 * 1024 * 1024,
            deadline_ms_max: 30_000,
            streams_max: 1024,
            connection_age_s_max: 900,
            lame_duck_ms: 0,
            shutdown_grace_ms: 25_000,
        }
    }
}
