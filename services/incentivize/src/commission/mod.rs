//! Commission: what a partner earns by one rule on one deal, as rows that add
//! up. What is due follows from the deal's state and from what held at the
//! instant of the win: rules, tiers, enrollments in force. A new row makes up
//! the difference between the existing rows and what is due.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | ACCRUED | a deal won or corrected, or an enrollment that became known after the win |
//! | ACCRUED | CANCELED | a reversal that brings all rows of deal, rule and partner to nothing |

mod accrue;
mod api;
mod arithmetic;
mod deals;
mod eligibility;
pub(crate) mod store;

pub(crate) use accrue::subscriptions;
#[cfg(test)]
pub(crate) use arithmetic::{Eligibility, Source, due, rows};

#[cfg(test)]
mod tests;
