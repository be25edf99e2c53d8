//! Partner: an organization of the network, with its place in the hierarchy. A
//! partner comes into being by enrollment; how the network changes around it is
//! [`crate::network`].

pub(crate) mod hierarchy;
mod operations;
pub(crate) mod store;

pub(crate) use operations::{create, place, revise};
