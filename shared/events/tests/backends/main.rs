//! The suite on the servers that a distributed installation needs.
#![cfg(feature = "backends")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod jetstream;
mod postgres;
#[path = "../suite/mod.rs"]
mod suite;
