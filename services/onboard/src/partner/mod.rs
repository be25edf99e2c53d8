//! Partner: an organization of the network, with its place in the hierarchy. A
//! partner is created by enrollment. Changes to the network around it are in
//! [`crate::network`].

pub(crate) mod hierarchy;
mod operations;
pub(crate) mod store;

pub(crate) use operations::{create, place, record_update};
