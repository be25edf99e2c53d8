//! Network: partners change their places, and programs open the view of those
//! above on those below. Both ask where partners are enrolled, so the room
//! stands above [`crate::enrollment`], and [`crate::partner`] below it.

mod api;
mod operations;
mod store;
mod visibility;

use prost_types::FieldMask;
use stoa_proto::onboard::v1::Partner;

pub(crate) use visibility::{subscriptions, visibility_job};

/// Whether a change may concern the parent.
fn may_move(input: &Partner, mask: Option<&FieldMask>) -> bool {
    match mask.map(|mask| mask.paths.as_slice()).unwrap_or_default() {
        [] => !input.parent.is_empty(),
        paths => paths.iter().any(|path| path == "parent" || path == "*"),
    }
}

#[cfg(test)]
mod tests;
