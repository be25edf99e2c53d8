//! What the tests across the suite share: a suite with all services in this
//! process, with stores of its own and a driven clock, and a process that is
//! called over the network.

mod answer;
mod backends;
pub mod consistency;
pub mod cost;
pub mod door;
mod needs;
pub mod network;
pub mod overrides;
pub mod requests;
pub mod route;
pub mod scenario;
pub mod set_up;
mod snapshot;
mod suite;

pub use answer::Answer;
pub use needs::Needs;
pub use snapshot::{check_page, check_snapshot};
pub use suite::{TestSuite, start_time};
