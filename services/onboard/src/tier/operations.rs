//! Commands on tiers.

use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Error, Result, etag, mask};
use stoa_proto::onboard::v1::{CreateTierRequest, Tier, TierCreated, TierUpdated, UpdateTierRequest};
use stoa_store::{Tx, documents};

use super::{
    check,
    store::{self, Tiers},
};
use crate::program::store::Programs;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateTierRequest) -> Result<Tier> {
    cx.require_tenant_reach()?;
    let program = documents::id::<Programs>("parent", &request.parent)?;
    let id = cx.chosen_id("tier_id", &request.tier_id)?;
    let tier = Tier { name: format!("programs/{program}/tiers/{id}"), ..request.tier.clone().unwrap_or_default() };
    check(&tier)?;
    documents::find::<Programs, _>(tx.conn(), cx, &program).await?.ok_or_else(|| Error::not_found(&request.parent))?;
    store::refuse_taken_rank(tx, cx, &tier).await?;
    record_created::<Tiers, TierCreated>(tx, cx, tier).await
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateTierRequest) -> Result<Tier> {
    cx.require_tenant_reach()?;
    let input = request.tier.clone().unwrap_or_default();
    let current = documents::load::<Tiers>(tx, cx, "tier.name", &input.name).await?;
    etag::require(&current, &input.etag)?;
    let mut next = current.clone();
    mask::apply(request.update_mask.as_ref(), &input, &mut next)?;
    check(&next)?;
    if next.rank != current.rank {
        store::refuse_taken_rank(tx, cx, &next).await?;
    }
    record_changed::<Tiers, TierUpdated>(tx, cx, &current, next).await
}
