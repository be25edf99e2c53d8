//! The suite as its callers see it.

mod access_sweep;
mod bad_input;
mod calls;
mod consistency;
mod cost;
mod cost_exceptions;
#[cfg(feature = "backends")]
mod cost_proxy;
mod crm_import;
mod demo;
mod door;
mod empty_mask;
mod exceptions;
mod journeys;
mod limits;
mod list_sweep;
mod openapi;
mod output_only;
mod scope_sweep;
#[cfg(feature = "backends")]
mod split;
mod suspension_and_scope;
mod sweep;
mod tidy;
mod writing;
