//! Commands on partners.

use stoa_kernel::{Cx, Result, etag, mask, names};
use stoa_proto::onboard::v1::{Partner, UpdatePartnerRequest};
use stoa_store::{Tx, documents};

use super::may_move;
use crate::{
    enrollment,
    partner::{
        self, hierarchy,
        store::{self, Partners},
    },
    scope::require_writer,
};

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdatePartnerRequest) -> Result<Partner> {
    let input = request.partner.clone().unwrap_or_default();
    if may_move(&input, request.update_mask.as_ref()) {
        store::lock_hierarchy(tx, cx).await?;
    }
    let current = documents::load::<Partners>(tx, cx, "partner.name", &input.name).await?;
    let id = names::last(&current.name);
    require_writer(tx.conn(), cx, &current.name, id).await?;
    etag::require(&current, &input.etag)?;
    let mut next = current.clone();
    mask::apply(request.update_mask.as_ref(), &input, &mut next)?;
    if next.parent == current.parent {
        return partner::record_update(tx, cx, &current, next).await;
    }
    cx.require_tenant_reach()?;
    next.ancestors = partner::place(tx, cx, id, &next.parent).await?;
    next.visible_to = enrollment::viewers(tx, cx, &next).await?;
    let moved = partner::record_update(tx, cx, &current, next).await?;
    move_descendants(tx, cx, &moved).await?;
    Ok(moved)
}

/// Moves all descendants of a moved partner along, in the same transaction: a
/// half-moved line would be inconsistent. The caller holds the hierarchy lock.
async fn move_descendants(tx: &Tx, cx: &Cx, moved: &Partner) -> Result<()> {
    for current in store::descendants(tx, cx, names::last(&moved.name)).await? {
        let mut next = current.clone();
        next.ancestors = hierarchy::moved_along(&current, moved)?;
        next.visible_to = enrollment::viewers(tx, cx, &next).await?;
        partner::record_update(tx, cx, &current, next).await?;
    }
    Ok(())
}
