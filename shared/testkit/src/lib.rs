//! What the tests of the services share: a store of their own, a directory with
//! partners in it, callers of every kind, and a driven clock.
//!
//! With the feature `backends` the same tests run on PostgreSQL.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod bench;
mod machine;
mod place;
mod seed;
mod states;

pub use bench::{Bench, NOT_ENROLLED, Served, occurred, reason};
pub use machine::documented;
pub use place::Place;
pub use seed::{NETWORK, Seed, Standing};
pub use states::states_agree;
