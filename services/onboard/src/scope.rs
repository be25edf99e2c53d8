//! Which rows a caller may see, and which of them it may change.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait};
use stoa_kernel::{Cx, Result};

use crate::cam_assignment;

/// The condition on a column that holds a partner's id: all partners for the
/// vendor's people; for a partner's caller its own and those below that its
/// programs let it see.
pub(crate) fn visible<C: ColumnTrait>(cx: &Cx, partner: C) -> Condition {
    stoa_directory::visible_in(cx, partner, "partner")
}

/// Refuses callers that may see an object of a partner (by id) and not write
/// it: `stoa_directory::require_writer`, with the assignments themselves
/// instead of their copy. An object that has no partner yet is nobody's.
///
/// # Errors
/// PERMISSION_DENIED `SCOPE_EXCEEDED`, `PARTNER_NOT_ASSIGNED`.
pub(crate) async fn require_writer<C: ConnectionTrait>(conn: &C, cx: &Cx, name: &str, partner_id: &str) -> Result<()> {
    cx.require_own(name, partner_id)?;
    if !cx.caller.assigned_only || partner_id.is_empty() {
        return Ok(());
    }
    let assignment = cam_assignment::store::find(conn, cx, partner_id).await?;
    stoa_directory::require_assigned(cx, name, partner_id, assignment.as_ref())
}
