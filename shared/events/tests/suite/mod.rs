//! One suite for every transport of events: `embedded.rs`, `postgres.rs` and
//! `jetstream.rs` run each of these tests.

mod cases;
mod rig;

pub(crate) use cases::*;
pub(crate) use rig::*;
