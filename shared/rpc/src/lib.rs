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

pub use answer::{FIELDS_MAX, answer, enter, error, status};
pub use arrival::ID_BYTES_MAX as REQUEST_ID_BYTES_MAX;
pub use door::{ANSWER_READ_MAX, ROW_BYTES_MAX, ROWS_SHARE_WAIT, STRANGER_MAX, WAITING_PER_CALLER_MAX, WAITING_PER_TENANT_MAX};
pub use door::{Charge, Door, Origin, RateState, Refusal, Rows, Visitor, Whole};
pub use limits::Limits;
pub use management::{Check, management};
pub use pass_through::pass_through;
pub use peers::{Channel, LocalStack, Peers};
pub use serve::{ServeConfig, serve};
pub use stack::{merge, stack};
pub use stoa_auth::{LINK_HEADER, Suspension};

#[cfg(test)]
mod tests;
