//! What a call costs: round trips, statements, rows that were examined.

mod grow;
mod matrix;
mod measure;
mod meter;
mod plan;
mod proxy;
mod rows;
mod start;
mod statements;
mod wire;

pub use grow::{Growth, PAGE};
pub use matrix::{Column, Cost, Exception, Finding, Findings, Sizes, check_column, check_findings};
pub use measure::{Calls, Measured, measure};
pub use meter::{Meter, Seen};
pub use plan::Plan;
pub use proxy::Proxy;
pub use statements::{Statements, scans};
pub use wire::Tally;
