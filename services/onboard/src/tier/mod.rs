//! Tier: a level of a program.

mod api;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Money, Result, etag, ids, mask, names};
use stoa_proto::onboard::v1::{CreateTierRequest, Tier, TierCreated, TierUpdated, UpdateTierRequest};
use stoa_store::Tx;

use crate::program;

/// Fields that a caller may change.
const CHANGEABLE: [&str; 3] = ["display_name", "rank", "revenue_threshold"];

fn check(tier: &Tier) -> Result<()> {
    if let Some(threshold) = &tier.revenue_threshold {
        Money::not_negative("tier.revenue_threshold", threshold)?;
    }
    Ok(())
}

/// A new tier of a program from what the caller sent.
fn new(program: &str, id: &str, input: &Tier, cx: &Cx) -> Tier {
    Tier {
        name: format!("programs/{program}/tiers/{id}"),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    }
}

/// The tier after a change, and the paths that changed.
fn changed(current: &Tier, input: &Tier, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Tier, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    check(&next)?;
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateTierRequest) -> Result<Tier> {
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

async fn update(tx: &Tx, cx: &Cx, request: &UpdateTierRequest) -> Result<Tier> {
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
