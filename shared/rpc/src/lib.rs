//! The layer between the network and the services: the server stack, calls to
//! other services, and how failures become answers.
//!
//! Services provide their routes. [`stack`] wraps the routes of a process once,
//! and the result serves the network ([`serve`]), the gateway and the services'
//! calls to each other ([`Peers`]) alike.

mod answer;
mod arrival;
mod deadline;
mod door;
mod expiry;
mod limits;
mod management;
mod observe;
mod pass_through;
mod peers;
mod serve;
mod size;
mod stack;

pub use answer::{answer, enter, error, status};
pub use door::{Charge, Door, Origin, ROW_BYTES_MAX, RateState, Refusal, Rows, Visitor, Whole};
pub use limits::Limits;
pub use management::{Check, management};
pub use pass_through::pass_through;
pub use peers::{Channel, LocalStack, Peers};
pub use serve::{ServeConfig, serve};
pub use stack::{merge, stack};
pub use stoa_auth::{LINK_HEADER, Suspension};

#[cfg(test)]
mod tests;
