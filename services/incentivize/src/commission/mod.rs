//! Commission: what a partner earns by one rule on one deal, as rows that add
//! up. What is due follows from the deal's state alone; a row takes what stands
//! to what is due.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | ACCRUED | a deal won or corrected |
//! | ACCRUED | CANCELED | a reversal that brings all rows of deal, rule and partner to nothing |

mod accrue;
mod api;
mod arithmetic;
mod facts;
pub(crate) mod store;

pub(crate) use accrue::subscriptions;
#[cfg(test)]
pub(crate) use arithmetic::{Facts, Source, due, rows};

#[cfg(test)]
mod tests;
