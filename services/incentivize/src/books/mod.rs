//! Books: the ledger as callers read it, and its proof against the resources
//! that caused its postings.

mod api;
mod prove;
mod store;
mod trial_balance;

#[cfg(test)]
mod history_tests;
