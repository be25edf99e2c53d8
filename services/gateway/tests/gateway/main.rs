//! The gateway as a frontend sees it, in front of services that say what was
//! asked of them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers, too")]

mod answers;
mod fake;
mod split;
mod streams;
