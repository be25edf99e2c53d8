//! Creating and changing a deal.

use stoa_kernel::{Cx, Error, Kind, Reach, Result, etag, ids, names};
use stoa_proto::sell::v1::{CreateDealRequest, Deal, UpdateDealRequest};
use stoa_store::Tx;

use super::{
    changed, claim, credit,
    facts::{self, Happened, Step},
    new, registration, store,
};
use crate::product_line;

/// The name of the partner that a new deal is for: the caller's own, or the one
/// that the vendor's people name; empty for a direct deal.
fn partner_of(cx: &Cx, named: &str) -> Result<String> {
    let id = names::optional_id("deal.partner", "partners", named)?;
    if id.is_empty() && cx.caller.reach == Reach::Tenant {
        return Ok(String::new());
    }
    Ok(names::name("partners", &cx.partner_for_write("deal.partner", id)?))
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateDealRequest) -> Result<Deal> {
    let input = request.deal.clone().unwrap_or_default();
    let id = ids::chosen_or_new("deal_id", &request.deal_id)?;
    let partner = partner_of(cx, &input.partner)?;
    credit::check_reach(cx, "deal.credits", &input.credits)?;
    let deal = new(&id, &partner, &input, cx)?;
    require_writer(tx, cx, &deal).await?;
    if !deal.product_line.is_empty() {
        product_line::require(tx, cx, "deal.product_line", &deal.product_line).await?;
    }
    let deal = facts::write(tx, cx, None, vec![Step::now(cx, deal, Happened::Created)]).await?;
    if claim::is_direct(&deal) {
        claim::take(tx, cx, &deal, true).await?;
    }
    Ok(deal)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateDealRequest) -> Result<Deal> {
    let input = request.deal.clone().unwrap_or_default();
    let current = load(tx, cx, "deal.name", &input.name, "").await?;
    let (deal, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if paths.iter().any(|path| path == "credits") {
        credit::check_reach(cx, "deal.credits", &deal.credits)?;
    }
    if paths.iter().any(|path| path == "product_line") && !deal.product_line.is_empty() {
        product_line::require(tx, cx, "deal.product_line", &deal.product_line).await?;
    }
    if paths.is_empty() {
        return facts::write(tx, cx, Some(&current), Vec::new()).await;
    }
    let mut steps = vec![Step::now(cx, deal.clone(), Happened::Updated(paths))];
    if let Some(source) = claim::follow(tx, cx, &current, &deal).await? {
        steps.push(Step::now(cx, registration::conflicted(&deal, source, cx)?, Happened::Conflicted));
    }
    facts::write(tx, cx, Some(&current), steps).await
}

/// Refuses a CAM a direct deal, which no partner of its own is in, and else who
/// may not write for the deal's partner.
async fn require_writer(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    if deal.partner.is_empty() && cx.caller.assigned_only {
        let message = format!("{} is a direct deal; you look after the deals of your partners", deal.name);
        return Err(Error::new(Kind::PermissionDenied, "PARTNER_NOT_ASSIGNED", message));
    }
    stoa_directory::require_writer(tx.conn(), cx, &deal.name, names::last(&deal.partner)).await
}

/// The deal that a write is about, locked. Who may only see it, as a
/// distributor its dealer's, does not write it.
pub(super) async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, sent: &str) -> Result<Deal> {
    let id = names::id(field, "deals", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    require_writer(tx, cx, &current).await?;
    etag::check(name, sent, registration::version(&current))?;
    Ok(current)
}
