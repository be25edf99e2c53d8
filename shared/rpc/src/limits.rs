//! Limits of a server.

use ipnet::IpNet;

/// The limits of what a server accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections.
    pub connections_max: usize,
    /// Open connections from one address.
    pub connections_per_address_max: usize,
    /// Networks of proxies, from which many callers come with one address.
    pub proxies: Vec<IpNet>,
    /// Time without a request after which a connection ends.
    pub connection_idle_s_max: u64,
    /// Requests whose token is being verified.
    pub arrivals_max: usize,
    /// Requests in progress. Further requests wait for their turn, and are then
    /// answered with `OVERLOADED`. A stream does not count once it has started.
    pub concurrency_max: usize,
    /// Size of one message, in bytes.
    pub message_bytes_max: usize,
    /// Size of all request bodies that are held, in bytes.
    pub buffered_bytes_max: usize,
    /// Time in which a request has to arrive.
    pub body_read_ms_max: u64,
    /// Longest deadline of a unary call, and the deadline if the caller sets
    /// none.
    pub deadline_ms_max: u64,
    /// Open streams of one caller.
    pub streams_per_caller_max: usize,
    /// Time between two messages of a stream that a caller sends.
    pub stream_idle_s_max: u64,
    /// Requests per second of one caller.
    pub rate_per_caller_per_second: u32,
    /// Requests of one caller at once after a pause.
    pub rate_burst: u32,
    /// Requests per second of one tenant.
    pub rate_per_tenant_per_second: u32,
    /// Requests of one tenant at once after a pause.
    pub rate_tenant_burst: u32,
    /// Refused tokens per second from one address.
    pub refusals_per_address_per_second: u32,
    /// Size of a message that a signed link opens, in bytes.
    pub link_bytes_max: usize,
    /// Requests per second for the object of signed links.
    pub rate_per_link_per_second: u32,
    /// Requests for the object of signed links at once after a pause.
    pub rate_link_burst: u32,
    /// HTTP/2 streams per connection.
    pub streams_per_connection_max: u32,
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
            connections_max: 2000,
            connections_per_address_max: 500,
            proxies: Vec::new(),
            connection_idle_s_max: 300,
            arrivals_max: 256,
            concurrency_max: 128,
            message_bytes_max: 1024 * 1024,
            buffered_bytes_max: 256 * 1024 * 1024,
            body_read_ms_max: 10_000,
            deadline_ms_max: 30_000,
            streams_per_caller_max: 32,
            stream_idle_s_max: 60,
            rate_per_caller_per_second: 100,
            rate_burst: 200,
            rate_per_tenant_per_second: 1000,
            rate_tenant_burst: 2000,
            refusals_per_address_per_second: 50,
            link_bytes_max: 64 * 1024,
            rate_per_link_per_second: 10,
            rate_link_burst: 50,
            streams_per_connection_max: 256,
            connection_age_s_max: 900,
            lame_duck_ms: 0,
            shutdown_grace_ms: 25_000,
        }
    }
}
