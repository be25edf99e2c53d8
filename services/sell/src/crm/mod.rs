//! CRM sync: what a connector says, understood by its registration.
//!
//! A row is known by its remote id and version. The link table ties a remote
//! object to one of ours, unique both ways; nothing is ever matched by name.
//! Rows are history: they claim no protection and compete with nobody, and what
//! is final here does not move because a late row says so.

mod api;
mod batch;
mod connector;
mod link;
mod mapping;
mod merge;
mod push;
#[cfg(test)]
mod tests;

pub(crate) use link::linked_deals;
