//! What both backends guarantee. Every test runs on SQLite and, with the
//! feature `backends`, also on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says where, also in its helpers"
)]

mod constraints;
mod documents;
mod filters;
mod groups;
mod held;
mod leases;
mod migrations;
mod once;
mod rows;
mod sizes;
mod support;
mod writes;
