//! What a gateway needs to know of its process.

use std::collections::BTreeMap;

use stoa_rpc::Channel;

/// What a gateway is started with.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Where each service is reached, by its name: this process' own stack, or
    /// another process. Calls about a service's events go to the service that
    /// the path names, and to the entry `events`, this process' own stack, if
    /// it names none of them.
    pub services: BTreeMap<String, Channel>,
    /// Bytes of a request body at most; of one line if the body is a stream.
    pub body_bytes_max: usize,
    /// Requests per second that one caller may send.
    pub rate_per_caller_per_second: u32,
    /// Requests at once after a pause.
    pub rate_burst: u32,
}
