//! The suite as its callers see it.

mod access_sweep;
mod bad_input;
mod crm_import;
mod demo;
mod empty_mask;
mod journeys;
mod openapi;
mod scope_sweep;
#[cfg(feature = "backends")]
mod split;
mod standing;
mod tidy;
mod writing;
