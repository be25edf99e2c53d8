//! Product line: what deals, certifications and authorizations name.

mod api;
mod operations;
pub(crate) mod store;
