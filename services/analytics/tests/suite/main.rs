//! The service through its public interfaces.

#[cfg(test)]
mod consistency;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod recomputation;
#[cfg(test)]
mod revenue;
#[cfg(test)]
mod support;
