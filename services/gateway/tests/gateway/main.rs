//! The gateway as a frontend sees it, in front of services that report what they
//! were asked.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod answers;
mod fake;
mod split;
mod streams;
