//! The service through its public doors.

#[cfg(test)]
mod questions;
#[cfg(test)]
mod recomputation;
#[cfg(test)]
mod support;
