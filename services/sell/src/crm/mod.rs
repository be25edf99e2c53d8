//! CRM sync: what a connector says, understood by its registration.
//!
//! A row is known by its remote id and version. A link ties a remote object to
//! one of ours (see [`crate::link`]).
//! Rows are history: they claim no protection and compete with nobody, and what
//! is final here does not move because a late row says so.

mod api;
mod batch;
mod conflict;
mod connector;
mod group;
mod mapping;
mod merge;
mod push;
mod stream;
#[cfg(test)]
mod tests;
