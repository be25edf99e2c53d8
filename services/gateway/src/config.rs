//! What a gateway needs to know about its process.

use std::collections::BTreeMap;

use stoa_rpc::Channel;

/// Configuration of a gateway.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Channel to each service, by name: this process's own stack, or another
    /// process. Calls about a service's events go to the service that the path
    /// names. If it names none of them, they go to the entry `events`, which is
    /// this process's own stack.
    pub services: BTreeMap<String, Channel>,
    /// Maximum size of a request body in bytes, or of one line if the body is a
    /// stream.
    pub body_bytes_max: usize,
    /// Requests per second that one caller may send.
    pub rate_per_caller_per_second: u32,
    /// Requests that a caller may send at once after a pause.
    pub rate_burst: u32,
}
