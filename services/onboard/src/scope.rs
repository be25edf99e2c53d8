//! Which rows a caller may see.

use sea_orm::{ColumnTrait, Condition};
use stoa_kernel::Cx;

/// The condition on a column that holds a partner's id: all partners for the
/// vendor's people; for a partner's caller its own and those below that its
/// programs let it see.
pub(crate) fn visible<C: ColumnTrait>(cx: &Cx, partner: C) -> Condition {
    stoa_directory::visible_in(cx, partner, "partner")
}
