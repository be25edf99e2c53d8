//! How partners are created and changed.
//!
//! Whoever reads one place in the hierarchy to write another holds the tenant's
//! hierarchy lock, and takes it before locking any partner's row. Otherwise two
//! concurrent moves would each find no cycle and together close one, and a
//! partner placed below one that is being moved would keep the old ancestors.

use stoa_directory::ancestors;
use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Result, names};
use stoa_proto::onboard::v1::{Partner, PartnerCreated, PartnerUpdated};
use stoa_store::{Tx, documents};

use super::{
    hierarchy,
    store::{self, Partners},
};

/// Records a new partner below `input.parent`. None of its ancestors sees it
/// before it is enrolled.
pub(crate) async fn create(tx: &Tx, cx: &Cx, id: &str, input: &Partner) -> Result<Partner> {
    if !input.parent.is_empty() {
        store::lock_hierarchy(tx, cx).await?;
    }
    let ancestors = place(tx, cx, id, &input.parent).await?;
    let partner = Partner { name: names::name("partners", id), ancestors, visible_to: Vec::new(), ..input.clone() };
    let partner = record_created::<Partners, PartnerCreated>(tx, cx, partner).await?;
    ancestors::put(tx, &cx.tenant, &partner, true).await?;
    Ok(partner)
}

/// Records the next version of a partner, and its ancestors.
pub(crate) async fn record_update(tx: &Tx, cx: &Cx, current: &Partner, next: Partner) -> Result<Partner> {
    let next = record_changed::<Partners, PartnerUpdated>(tx, cx, current, next).await?;
    if (&next.ancestors, &next.visible_to) != (&current.ancestors, &current.visible_to) {
        ancestors::put(tx, &cx.tenant, &next, false).await?;
    }
    Ok(next)
}

/// Returns the ids of the ancestors of a partner below `parent`, the topmost
/// first. The caller holds the hierarchy lock.
pub(crate) async fn place(tx: &Tx, cx: &Cx, id: &str, parent: &str) -> Result<Vec<String>> {
    if parent.is_empty() {
        return Ok(Vec::new());
    }
    tx.write_held().await?;
    hierarchy::below(id, &documents::get_referenced::<Partners, _>(tx.conn(), cx, "partner.parent", parent).await?)
}
