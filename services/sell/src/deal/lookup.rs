//! What deals need to know of partners and their enrollments, found before the
//! transaction.

use stoa_kernel::{Cx, Result};
use stoa_proto::sell::v1::{CorrectDealRequest, CreateDealRequest, Credit, SubmitDealRegistrationRequest, UpdateDealRequest};
use stoa_service::Deps;
use stoa_store::documents;

use super::{
    credit,
    registration::Authorized,
    store::{self, Deals},
};

/// Refuses credits of partners that do not exist.
async fn credited(deps: &Deps, cx: &Cx, field: &str, credits: &[Credit]) -> Result<()> {
    for credit in credits {
        stoa_directory::require_partner(deps, cx, field, &credit.partner).await?;
    }
    Ok(())
}

/// The partners that a new deal names exist.
pub(super) async fn named(deps: &Deps, cx: &Cx, request: &CreateDealRequest) -> Result<()> {
    let Some(deal) = &request.deal else { return Ok(()) };
    if !deal.partner.is_empty() {
        stoa_directory::require_partner(deps, cx, "deal.partner", &deal.partner).await?;
    }
    credited(deps, cx, "deal.credits.partner", &deal.credits).await
}

/// The partners exist that an update credits. What its mask leaves out it does
/// not say: nothing limits how many credits stand there.
pub(super) async fn updated_credits(deps: &Deps, cx: &Cx, request: &UpdateDealRequest) -> Result<()> {
    let mask = request.update_mask.as_ref();
    let all_that_is_set = mask.is_none_or(|mask| mask.paths.is_empty());
    match &request.deal {
        Some(deal) if all_that_is_set || credit::are_named(mask) => credited(deps, cx, "deal.credits.partner", &deal.credits).await,
        _ => Ok(()),
    }
}

/// The partners exist that a correction credits.
pub(super) async fn corrected_credits(deps: &Deps, cx: &Cx, request: &CorrectDealRequest) -> Result<()> {
    credited(deps, cx, "credits.partner", &request.credits).await
}

/// What the deal's partner is authorized to sell. As a rule the copy of its
/// enrollments says so; else the deal is looked at, and their owner asked.
pub(super) async fn authorized(deps: &Deps, cx: &Cx, request: &SubmitDealRegistrationRequest) -> Result<Authorized> {
    let id = documents::id::<Deals>("name", &request.name)?;
    let mut enrollments = stoa_directory::copied_in_force(deps.store.read(), cx, store::partner_of(cx, &id)).await?;
    if enrollments.is_empty() {
        let deal = documents::get::<Deals, _>(deps.store.read(), cx, &request.name).await?;
        if deal.partner.is_empty() {
            return Ok(Authorized::default());
        }
        (_, enrollments) = stoa_directory::require_enrolled(deps, cx, "deal.partner", &deal.partner).await?;
    }
    Ok(Authorized(enrollments.into_iter().map(|enrollment| enrollment.product_lines).collect()))
}
