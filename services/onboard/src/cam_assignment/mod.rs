//! CAM assignment: which channel account manager is responsible for which
//! partner. Its rows are defined in [`crate::scope`].

mod api;
mod operations;

#[cfg(test)]
mod tests;
