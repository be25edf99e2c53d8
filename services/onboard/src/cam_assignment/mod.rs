//! CAM assignment: which channel account manager looks after which partner. Its
//! rows are those of [`crate::scope`].

mod api;
mod operations;

#[cfg(test)]
mod tests;
