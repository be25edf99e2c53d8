//! What deals need to know about partners and their enrollments, looked up
//! before the transaction.

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
async fn check_credits(deps: &Deps, cx: &Cx, field: &str, credits: &[Credit]) -> Result<()> {
    stoa_directory::require_partners(deps, cx, field, credits.iter().map(|credit| credit.partner.as_str())).await
}

/// Checks that the partners that a new deal names exist.
pub(super) async fn check_partners(deps: &Deps, cx: &Cx, request: &CreateDealRequest) -> Result<()> {
    let Some(deal) = &request.deal else { return Ok(()) };
    if !deal.partner.is_empty() {
        stoa_directory::require_partner(deps, cx, "deal.partner", &deal.partner).await?;
    }
    check_credits(deps, cx, "deal.credits.partner", &deal.credits).await
}

/// Checks that the partners that an update credits exist. Credits that its mask
/// leaves out are not looked up: nothing has checked them.
pub(super) async fn check_updated_credits(deps: &Deps, cx: &Cx, request: &UpdateDealRequest) -> Result<()> {
    let mask = request.update_mask.as_ref();
    let all_that_is_set = mask.is_none_or(|mask| mask.paths.is_empty());
    match &request.deal {
        Some(deal) if all_that_is_set || credit::are_named(mask) => check_credits(deps, cx, "deal.credits.partner", &deal.credits).await,
        _ => Ok(()),
    }
}

/// Checks that the partners that a correction credits exist.
pub(super) async fn check_corrected_credits(deps: &Deps, cx: &Cx, request: &CorrectDealRequest) -> Result<()> {
    check_credits(deps, cx, "credits.partner", &request.credits).await
}

/// Returns what the deal's partner is authorized to sell. Usually the copy of
/// its enrollments says so; if not, the deal is read and the owner of the
/// enrollments is asked.
pub(super) async fn authorized_product_lines(deps: &Deps, cx: &Cx, request: &SubmitDealRegistrationRequest) -> Result<Authorized> {
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
