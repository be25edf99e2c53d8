//! Product line: what deals, certifications and authorizations refer to.

mod api;
mod operations;
pub(crate) mod store;
