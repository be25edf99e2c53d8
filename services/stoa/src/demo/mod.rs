//! `stoa demo`: a plausible network, simulated day by day through the public
//! API while the suite's business clock is driven.

mod actions;
mod deals;
mod drive;
mod network;
mod schedule;
mod world;

pub use drive::{Demo, simulate};
