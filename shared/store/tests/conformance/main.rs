//! What both backends promise. Every test runs on SQLite, and with the feature
//! `backends` on PostgreSQL, too.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by a panic and says where, in its helpers, too")]

mod constraints;
mod documents;
mod filters;
mod groups;
mod leases;
mod migrations;
mod once;
mod rows;
mod support;
mod writes;
