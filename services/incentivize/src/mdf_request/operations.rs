//! Commands on requests: checks, transition, rows, events, postings, in one
//! transaction. Locks are taken in the order claim, request, budget.

use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::{
    incentivize::v1::{
        ApproveMdfRequestRequest, CancelMdfRequestRequest, CreateMdfRequestRequest, ErrorReason, MdfRequest, MdfRequestApproved,
        MdfRequestCanceled, MdfRequestClaimed, MdfRequestCompleted, MdfRequestCreated, MdfRequestRejected, MdfRequestStarted,
        MdfRequestState as State, MdfRequestSubmitted, RejectMdfRequestRequest, StartMdfRequestRequest, SubmitMdfRequestRequest,
    },
    onboard::v1::Partner,
};
use stoa_store::{Tx, documents};

use super::{approved, canceled, expiry, money::Claimed, new, rejected, settle, started, store::MdfRequests, submitted};
use crate::{
    amounts,
    mdf_budget::{self, MdfBudgets},
};

/// Loads, locks and settles the request for a caller that may change it.
async fn load(tx: &Tx, cx: &Cx, name: &str, etag: &str) -> Result<MdfRequest> {
    let current = documents::load::<MdfRequests>(tx, cx, "name", name).await?;
    stoa_directory::require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::require(&current, etag)?;
    settle(tx, cx, current).await
}

/// Creates a request of a partner.
pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMdfRequestRequest, partner: &Partner) -> Result<MdfRequest> {
    let input = request.mdf_request.clone().unwrap_or_default();
    let id = cx.chosen_id("mdf_request_id", &request.mdf_request_id)?;
    let zone = stoa_directory::settings(tx.conn(), &cx.tenant).await?.time_zone;
    let next = new(&id, &input, &partner.name, &zone)?;
    if !input.mdf_budget.is_empty() {
        let budget = documents::get_referenced::<MdfBudgets, _>(tx.conn(), cx, "mdf_request.mdf_budget", &input.mdf_budget).await?;
        let (amount, whole) = (amounts::stored(next.amount.as_ref())?, amounts::stored(budget.amount.as_ref())?);
        amounts::same_currency("mdf_request.amount", amount, "the budget", whole)?;
    }
    record_created::<MdfRequests, MdfRequestCreated>(tx, cx, next).await
}

pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitMdfRequestRequest) -> Result<MdfRequest> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    record_changed::<MdfRequests, MdfRequestSubmitted>(tx, cx, &current, submitted(&current, cx)?).await
}

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveMdfRequestRequest) -> Result<MdfRequest> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let amount = request.amount.as_ref().map(|amount| amounts::positive("amount", Some(amount))).transpose()?;
    let budget = if request.mdf_budget.is_empty() { &current.mdf_budget } else { &request.mdf_budget };
    let next = approved(&current, amount, budget, &request.reason, cx)?;
    if budget.is_empty() {
        let error = Error::invalid("mdf_budget", "is required, because the request names no budget. Set it.");
        return Err(error.with_reason(ErrorReason::MdfBudgetMissing));
    }
    let budget = names::id("mdf_budget", "mdfBudgets", budget)?;
    // What is due to go back to the budget at this instant can be approved again.
    expiry::settle_budget(tx, cx, budget).await?;
    let next = record_changed::<MdfRequests, MdfRequestApproved>(tx, cx, &current, next).await?;
    mdf_budget::commit(tx, cx, &next, amounts::stored(next.approved_amount.as_ref())?).await?;
    Ok(next)
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectMdfRequestRequest) -> Result<MdfRequest> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    record_changed::<MdfRequests, MdfRequestRejected>(tx, cx, &current, rejected(&current, &request.reason, cx)?).await
}

pub(super) async fn start(tx: &Tx, cx: &Cx, request: &StartMdfRequestRequest) -> Result<MdfRequest> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    record_changed::<MdfRequests, MdfRequestStarted>(tx, cx, &current, started(&current)?).await
}

pub(super) async fn cancel(tx: &Tx, cx: &Cx, request: &CancelMdfRequestRequest) -> Result<MdfRequest> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let (next, released) = canceled(&current, &request.reason, cx)?;
    let next = record_changed::<MdfRequests, MdfRequestCanceled>(tx, cx, &current, next).await?;
    mdf_budget::release(tx, cx, &next, released, cx.now).await?;
    Ok(next)
}

/// Records what a claim changed on its request, in the transaction of the claim.
pub(crate) async fn apply_claim(tx: &Tx, cx: &Cx, current: &MdfRequest, change: Claimed) -> Result<()> {
    let Claimed { request, released } = change;
    let is_completed = request.state() == State::Completed && current.state() != State::Completed;
    let request = if is_completed {
        record_changed::<MdfRequests, MdfRequestCompleted>(tx, cx, current, request).await?
    } else {
        record_changed::<MdfRequests, MdfRequestClaimed>(tx, cx, current, request).await?
    };
    mdf_budget::release(tx, cx, &request, released, cx.now).await
}
