//! What happens to tiers by command.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::onboard::v1::{CreateTierRequest, Tier, TierCreated, TierUpdated, UpdateTierRequest};
use stoa_store::Tx;

use super::{changed, check, new, store};
use crate::program;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateTierRequest) -> Result<Tier> {
    let program = names::id("parent", "programs", &request.parent)?;
    let id = ids::chosen_or_new("tier_id", &request.tier_id)?;
    let input = request.tier.clone().unwrap_or_default();
    check(&input)?;
    program::store::find(tx.conn(), cx, program).await?.ok_or_else(|| Error::not_found(&request.parent))?;
    let tier = new(program, &id, &input, cx);
    store::insert(tx, cx, &tier).await?;
    stoa_events::append(tx, cx, Fact::new(&tier.name, 1), &TierCreated { tier: Some(tier.clone()) }).await?;
    Ok(tier)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateTierRequest) -> Result<Tier> {
    let input = request.tier.clone().unwrap_or_default();
    names::nested("tier.name", "programs", "tiers", &input.name)?;
    let current = store::lock(tx, cx, &input.name).await?.ok_or_else(|| Error::not_found(&input.name))?;
    let (tier, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if !paths.is_empty() {
        store::save(tx, cx, &tier).await?;
        let fact = Fact::new(&tier.name, etag::version(&tier.etag)).changed(paths);
        stoa_events::append(tx, cx, fact, &TierUpdated { tier: Some(tier.clone()) }).await?;
    }
    Ok(tier)
}
