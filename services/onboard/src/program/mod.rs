//! Program: what partners are enrolled in.

mod api;
mod operations;
pub(crate) mod store;

#[cfg(test)]
mod tests;
