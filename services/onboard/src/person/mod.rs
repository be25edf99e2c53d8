//! Person: the one place where personal data is kept. None of it enters an
//! event; erasure deletes the row.

mod api;
mod operations;
pub(crate) mod store;

#[cfg(test)]
mod tests;
