//! Reports for people: tables with bars, from the messages of the API.

mod allocation;
mod quality;
mod text;

pub use allocation::allocation;
pub use quality::quality;
