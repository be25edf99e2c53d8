//! Network: partners move in the hierarchy, and programs make descendants
//! visible to ancestors. Both depend on enrollments, so this room is above
//! [`crate::enrollment`], and [`crate::partner`] is below it.

mod api;
mod operations;
mod store;
mod visibility;

use prost_types::FieldMask;
use stoa_kernel::mask;
use stoa_proto::onboard::v1::Partner;

pub(crate) use visibility::{subscriptions, visibility_job};

/// Whether an update may change the parent.
fn may_move(input: &Partner, mask: Option<&FieldMask>) -> bool {
    mask::includes(mask, "parent", !input.parent.is_empty())
}

#[cfg(test)]
mod tests;
