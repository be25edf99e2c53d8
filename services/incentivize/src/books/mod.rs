//! Books: the ledger as it is read, and the proof of it against the resources
//! that caused its postings.

mod api;
mod prove;
mod store;
mod trial_balance;

#[cfg(test)]
mod history_tests;
