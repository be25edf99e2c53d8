//! Network: partners move in the hierarchy, and programs make descendants
//! visible to ancestors. Both depend on enrollments, so this room is above
//! [`crate::enrollment`], and [`crate::partner`] is below it.

mod api;
mod operations;
mod store;
mod visibility;

use prost_types::FieldMask;
use stoa_proto::onboard::v1::Partner;

pub(crate) use visibility::{subscriptions, visibility_job};

/// Whether an update may change the parent.
fn may_move(input: &Partner, mask: Option<&FieldMask>) -> bool {
    match mask.map(|mask| mask.paths.as_slice()).unwrap_or_default() {
        [] => !input.parent.is_empty(),
        paths => paths.iter().any(|path| path == "parent" || path == "*"),
    }
}

#[cfg(test)]
mod tests;
