//! Commands on deals.

use stoa_events::{Step, record, record_changed, record_created};
use stoa_kernel::{Cx, Error, Kind, Money, Reach, Result, etag, names};
use stoa_proto::{
    common::v1::ErrorReason as Common,
    resource::Event,
    sell::v1::{
        AdvanceDealStageRequest, ApproveDealRegistrationRequest, CorrectDealRequest, CreateDealRequest, Deal, DealActionRequired,
        DealApproved, DealConflicted, DealCorrected, DealCreated, DealLost, DealProtectionExtended, DealRejected, DealStageChanged,
        DealSubmitted, DealUpdated, DealWithdrawn, DealWon, ErrorReason, ExtendDealProtectionRequest, LoseDealRequest,
        RejectDealRegistrationRequest, RequestDealActionRequest, SubmitDealRegistrationRequest, UpdateDealRequest, WinDealRequest,
        WithdrawDealRegistrationRequest,
    },
};
use stoa_store::{Documents, Tx, documents};

use super::{
    conflict, credit, new, pipeline, protection,
    registration::{self, Authorized},
    screening,
    store::Deals,
    updated,
};
use crate::{claim::index, product_line::store::ProductLines};

/// Returns the name of the partner that a new deal is for: the caller's own, or
/// the one that the vendor's people name; empty for a direct deal.
fn partner_of(cx: &Cx, named: &str) -> Result<String> {
    let id = names::optional_id("deal.partner", "partners", named)?;
    if id.is_empty() && cx.caller.reach == Reach::Tenant {
        return Ok(String::new());
    }
    Ok(names::name("partners", &cx.partner_for_write("deal.partner", id)?))
}

async fn check_product_line(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    if !deal.product_line.is_empty() {
        documents::get_referenced::<ProductLines, _>(tx.conn(), cx, "deal.product_line", &deal.product_line).await?;
    }
    Ok(())
}

/// Refuses callers that may not write for the deal's partner, and CAMs on a
/// direct deal, which is not a deal of their partners.
async fn require_writer(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    if deal.partner.is_empty() && cx.caller.assigned_only {
        let message = format!("{} is a direct deal. You can write only deals of partners that are assigned to you.", deal.name);
        return Err(Error::new(Kind::PermissionDenied, Common::PartnerNotAssigned, message));
    }
    stoa_directory::require_writer(tx.conn(), cx, &deal.name, names::last(&deal.partner)).await
}

/// Loads and locks the deal that a write is about. Refuses callers that may
/// only see it, such as a distributor that sees its dealer's deals.
async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, etag: &str) -> Result<Deal> {
    let current = documents::load::<Deals>(tx, cx, field, name).await?;
    require_writer(tx, cx, &current).await?;
    etag::require(&current, etag)?;
    Ok(current)
}

/// Records the steps of a deal and returns the deal as it is now.
async fn write(tx: &Tx, cx: &Cx, current: &Deal, steps: Vec<Step<Deal>>) -> Result<Deal> {
    Ok(Deals::at(record::<Deals>(tx, cx, Some(current), steps).await?, cx.now))
}

/// Like [`write`], for a single event.
async fn write_event<E: Event<Aggregate = Deal>>(tx: &Tx, cx: &Cx, current: &Deal, deal: Deal) -> Result<Deal> {
    Ok(Deals::at(record_changed::<Deals, E>(tx, cx, current, deal).await?, cx.now))
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateDealRequest, (): &()) -> Result<Deal> {
    let input = request.deal.clone().unwrap_or_default();
    let id = cx.chosen_id("deal_id", &request.deal_id)?;
    let partner = partner_of(cx, &input.partner)?;
    credit::check_reach(cx, "deal.credits", &input.credits)?;
    let deal = new(&id, &partner, &input, cx)?;
    require_writer(tx, cx, &deal).await?;
    check_product_line(tx, cx, &deal).await?;
    let deal = record_created::<Deals, DealCreated>(tx, cx, deal).await?;
    if conflict::is_direct(&deal) {
        index::lock_and_add(tx, cx, &deal).await?;
    }
    Ok(deal)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateDealRequest, (): &()) -> Result<Deal> {
    let input = request.deal.clone().unwrap_or_default();
    let current = load(tx, cx, "deal.name", &input.name, &input.etag).await?;
    let (deal, paths) = updated(&current, &input, request.update_mask.as_ref(), cx)?;
    if paths.iter().any(|path| path == "credits") {
        credit::check_reach(cx, "deal.credits", &deal.credits)?;
    }
    if paths.iter().any(|path| path == "product_line") {
        check_product_line(tx, cx, &deal).await?;
    }
    let mut steps = vec![Step::new::<DealUpdated>(deal.clone())];
    if let Some(source) = screening::update_index(tx, cx, &current, &deal).await?.holder {
        steps.push(Step::new::<DealConflicted>(registration::conflicted(&deal, source, cx.now)?));
    }
    write(tx, cx, &current, steps).await
}

/// Submits a registration. If another registration or direct sales hold the
/// customer, it becomes CONFLICTED in the same transaction.
pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitDealRegistrationRequest, authorized: &Authorized) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let submitted = registration::submitted(&current, cx.now)?;
    registration::check_authorized(&submitted, authorized)?;
    let mut steps = vec![Step::new::<DealSubmitted>(submitted.clone())];
    if let Some(source) = screening::register_and_find_holder(tx, cx, &submitted, current.submit_time.is_none()).await? {
        steps.push(Step::new::<DealConflicted>(registration::conflicted(&submitted, source, cx.now)?));
    }
    write(tx, cx, &current, steps).await
}

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveDealRegistrationRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::approved(&current, cx.now)?;
    write_event::<DealApproved>(tx, cx, &current, deal).await
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectDealRegistrationRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::rejected(&current, request.closure_code(), &request.reason, cx.now)?;
    write_event::<DealRejected>(tx, cx, &current, deal).await
}

pub(super) async fn request_action(tx: &Tx, cx: &Cx, request: &RequestDealActionRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::action_required(&current, &request.required_action, cx.now)?;
    write_event::<DealActionRequired>(tx, cx, &current, deal).await
}

pub(super) async fn withdraw(tx: &Tx, cx: &Cx, request: &WithdrawDealRegistrationRequest) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::withdrawn(&current, cx.now)?;
    write_event::<DealWithdrawn>(tx, cx, &current, deal).await
}

/// Extends a protection. One that has ended can be extended unless another
/// registration or direct sales hold the customer by now.
pub(super) async fn extend(tx: &Tx, cx: &Cx, request: &ExtendDealProtectionRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = protection::extended(&current, request.days, cx.now)?;
    if !protection::is_protected(&current, cx.now) && screening::lock_and_find_holder(tx, cx, &current).await?.is_some() {
        let message = format!("the protection of {} has ended, and somebody else holds the customer now", current.name);
        return Err(Error::precondition(ErrorReason::DealConflict, message));
    }
    write_event::<DealProtectionExtended>(tx, cx, &current, deal).await
}

pub(super) async fn advance(tx: &Tx, cx: &Cx, request: &AdvanceDealStageRequest) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = pipeline::staged(&current, request.target_stage())?;
    write_event::<DealStageChanged>(tx, cx, &current, deal).await
}

/// Wins a deal. It must have an amount, because revenue and commission follow from it.
pub(super) async fn win(tx: &Tx, cx: &Cx, request: &WinDealRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let amount = request.amount.as_ref().map(|amount| Money::not_negative("amount", amount)).transpose()?;
    let deal = pipeline::won(&current, amount, cx.now)?;
    if deal.amount.is_none() {
        return Err(Error::invalid("amount", "must be set, because the deal has no amount"));
    }
    write_event::<DealWon>(tx, cx, &current, deal).await
}

pub(super) async fn lose(tx: &Tx, cx: &Cx, request: &LoseDealRequest) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = pipeline::lost(&current, &request.reason, &request.competitor, cx.now)?;
    write_event::<DealLost>(tx, cx, &current, deal).await
}

pub(super) async fn correct(tx: &Tx, cx: &Cx, request: &CorrectDealRequest, (): &()) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = pipeline::corrected(&current, request, cx)?;
    write_event::<DealCorrected>(tx, cx, &current, deal).await
}
