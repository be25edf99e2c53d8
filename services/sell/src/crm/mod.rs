//! CRM sync: rows that a connector pushes, interpreted by its registration.
//!
//! A row is identified by its remote id and version. A link ties a remote
//! object to one of ours (see [`crate::link`]). Rows are history: they claim no
//! protection and compete with no registration, and a late row does not change
//! what is final here.

mod api;
mod batch;
mod conflict;
mod connector;
mod group;
mod mapping;
mod merge;
mod push;
mod registrations;
mod stream;
#[cfg(test)]
mod tests;
