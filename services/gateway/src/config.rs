//! What a gateway needs to know about its process.

use std::collections::BTreeMap;

use stoa_rpc::{Channel, Door};

/// Configuration of a gateway.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Channel to each service, by name: this process's own stack, or another
    /// process. Calls about a service's events go to the service that the path
    /// names. If it names none of them, they go to the entry `events`, which is
    /// this process's own stack.
    pub services: BTreeMap<String, Channel>,
    /// The door of the process.
    pub door: Door,
}
