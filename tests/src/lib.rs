//! What the tests across the suite share: a suite with all services in this
//! process, on a temporary folder, with a driven clock.

mod answer;
mod set_up;
mod snapshot;
mod suite;

pub use answer::Answer;
pub use snapshot::check_snapshot;
pub use suite::{TestSuite, start_time};
