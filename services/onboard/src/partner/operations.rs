//! What happens to partners by command.
//!
//! Whoever reads one place in the hierarchy to write another holds the tenant's
//! hierarchy lock, and takes it before any partner's row: two moves at the same
//! time would each find no cycle and close one together, and a partner that is
//! placed below one on the move would keep its old line.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::onboard::v1::{Partner, PartnerCreated, PartnerUpdated, UpdatePartnerRequest};
use stoa_store::Tx;

use super::{changed, hierarchy, may_move, new, revised, store, visibility::see};
use crate::scope::require_writer;

/// Inserts a partner below `input.parent`; its computed fields are set here.
pub(crate) async fn create(tx: &Tx, cx: &Cx, id: &str, input: &Partner) -> Result<Partner> {
    if !input.parent.is_empty() {
        store::lock_hierarchy(tx, cx).await?;
    }
    let partner = new(id, input, place(tx, cx, id, &input.parent).await?, cx);
    store::insert(tx, cx, &partner).await?;
    let fact = Fact::new(&partner.name, 1).partner(&partner.name);
    stoa_events::append(tx, cx, fact, &PartnerCreated { partner: Some(partner.clone()) }).await?;
    Ok(partner)
}

/// Writes the next version of a partner with its event.
pub(super) async fn revise(tx: &Tx, cx: &Cx, partner: Partner, changed: Vec<String>) -> Result<Partner> {
    let partner = revised(partner, cx);
    store::save(tx, cx, &partner).await?;
    let fact = Fact::new(&partner.name, etag::version(&partner.etag)).partner(&partner.name).changed(changed);
    stoa_events::append(tx, cx, fact, &PartnerUpdated { partner: Some(partner.clone()) }).await?;
    Ok(partner)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdatePartnerRequest) -> Result<Partner> {
    let input = request.partner.clone().unwrap_or_default();
    let id = names::id("partner.name", "partners", &input.name)?;
    if may_move(&input, request.update_mask.as_ref()) {
        store::lock_hierarchy(tx, cx).await?;
    }
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&input.name))?;
    require_writer(tx.conn(), cx, &input.name, id).await?;
    let (mut next, mut paths) = changed(&current, &input, request.update_mask.as_ref())?;
    if paths.is_empty() {
        return Ok(current);
    }
    if next.parent == current.parent {
        return revise(tx, cx, next, paths).await;
    }
    cx.require_tenant_reach()?;
    next.ancestors = place(tx, cx, id, &next.parent).await?;
    next.visible_to = see(tx, cx, id, &next.ancestors).await?;
    paths.push("ancestors".to_owned());
    let moved = revise(tx, cx, next, paths).await?;
    follow(tx, cx, &moved).await?;
    Ok(moved)
}

/// Ids above a partner that stands below `parent`, the topmost first. The
/// caller holds the hierarchy lock.
async fn place(tx: &Tx, cx: &Cx, id: &str, parent: &str) -> Result<Vec<String>> {
    let parent_id = names::optional_id("partner.parent", "partners", parent)?;
    if parent_id.is_empty() {
        return Ok(Vec::new());
    }
    let above = store::find(tx.conn(), cx, parent_id).await?.ok_or_else(|| Error::reference_not_found("partner.parent", parent))?;
    hierarchy::below(id, &above)
}

/// Moves all partners below one that was moved, in its transaction: a line that
/// is half moved would be none. The caller holds the hierarchy lock.
async fn follow(tx: &Tx, cx: &Cx, moved: &Partner) -> Result<()> {
    for mut below in store::descendants(tx, cx, names::last(&moved.name)).await? {
        below.ancestors = hierarchy::moved_along(&below, moved)?;
        below.visible_to = see(tx, cx, names::last(&below.name), &below.ancestors).await?;
        revise(tx, cx, below, vec!["ancestors".to_owned()]).await?;
    }
    Ok(())
}
