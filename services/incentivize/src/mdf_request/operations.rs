//! Commands on requests: checks, transition, rows, events, postings, in one
//! transaction. Locks are taken in the order claim, request, budget.

use prost::{Message, Name};
use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, ids, names};
use stoa_proto::{
    incentivize::v1::{
        ApproveMdfRequestRequest, CancelMdfRequestRequest, CreateMdfRequestRequest, ErrorReason, MdfRequest, MdfRequestApproved,
        MdfRequestCanceled, MdfRequestClaimed, MdfRequestCompleted, MdfRequestCreated, MdfRequestRejected, MdfRequestStarted,
        MdfRequestState as State, MdfRequestSubmitted, RejectMdfRequestRequest, StartMdfRequestRequest, SubmitMdfRequestRequest,
    },
    onboard::v1::Partner,
};
use stoa_store::Tx;

use super::{Claimed, approved, canceled, expiry, new, rejected, settled, started, store, submitted};
use crate::{amounts, mdf_budget};

/// The request, locked, in the state that it has at this instant, for a caller
/// that may change it.
async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<MdfRequest> {
    let id = names::id("name", "mdfRequests", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    stoa_directory::require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::check(name, sent, etag::version(&current.etag))?;
    settled(tx, cx, current).await
}

/// Saves the next version with its event.
pub(super) async fn save<M: Message + Name>(
    tx: &Tx,
    cx: &Cx,
    request: &MdfRequest,
    at: Timestamp,
    changed: &[&str],
    event: &M,
) -> Result<()> {
    store::save(tx, cx, request).await?;
    let fact = Fact::new(&request.name, etag::version(&request.etag)).partner(&request.partner).occurred(at);
    let fact = fact.changed(changed.iter().map(|path| (*path).to_owned()).collect());
    stoa_events::append(tx, cx, fact, event).await.map(|_| ())
}

/// Creates a request of a partner that was looked up before the transaction.
pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMdfRequestRequest, partner: Result<Partner>) -> Result<MdfRequest> {
    let partner = partner?.name;
    let input = request.mdf_request.clone().unwrap_or_default();
    let id = ids::chosen_or_new("mdf_request_id", &request.mdf_request_id)?;
    let zone = stoa_directory::settings(tx.conn(), &cx.tenant).await?.time_zone;
    let created = new(&id, &input, &partner, &zone, cx)?;
    if !input.mdf_budget.is_empty() {
        let field = "mdf_request.mdf_budget";
        let budget = names::id(field, "mdfBudgets", &input.mdf_budget)?;
        let missing = || Error::reference_not_found(field, &input.mdf_budget);
        let budget = mdf_budget::store::find(tx.conn(), cx, budget).await?.ok_or_else(missing)?;
        let (amount, of) = (amounts::stored(created.amount.as_ref())?, amounts::stored(budget.amount.as_ref())?);
        amounts::same_currency("mdf_request.amount", amount, "the budget", of)?;
    }
    store::insert(tx, cx, &created).await?;
    let event = MdfRequestCreated { mdf_request: Some(created.clone()) };
    stoa_events::append(tx, cx, Fact::new(&created.name, 1).partner(&created.partner), &event).await?;
    Ok(created)
}

pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitMdfRequestRequest) -> Result<MdfRequest> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let next = submitted(&current, cx)?;
    save(tx, cx, &next, cx.now, &["state"], &MdfRequestSubmitted { mdf_request: Some(next.clone()) }).await?;
    Ok(next)
}

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveMdfRequestRequest) -> Result<MdfRequest> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let amount = request.amount.as_ref().map(|amount| amounts::positive("amount", Some(amount))).transpose()?;
    let budget = if request.mdf_budget.is_empty() { &current.mdf_budget } else { &request.mdf_budget };
    let next = approved(&current, amount, budget, &request.reason, cx)?;
    if budget.is_empty() {
        let error = Error::invalid("mdf_budget", "must be named, because the request names none");
        return Err(error.with_reason(ErrorReason::MdfBudgetMissing.as_str_name()));
    }
    let budget = names::id("mdf_budget", "mdfBudgets", budget)?;
    // What is due to go back to the budget at this instant is there to be given.
    expiry::settle_budget(tx, cx, budget).await?;
    save(tx, cx, &next, cx.now, &["state", "approved_amount"], &MdfRequestApproved { mdf_request: Some(next.clone()) }).await?;
    mdf_budget::commit(tx, cx, &next, amounts::stored(next.approved_amount.as_ref())?).await?;
    Ok(next)
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectMdfRequestRequest) -> Result<MdfRequest> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let next = rejected(&current, &request.reason, cx)?;
    save(tx, cx, &next, cx.now, &["state", "reason"], &MdfRequestRejected { mdf_request: Some(next.clone()) }).await?;
    Ok(next)
}

pub(super) async fn start(tx: &Tx, cx: &Cx, request: &StartMdfRequestRequest) -> Result<MdfRequest> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let next = started(&current, cx)?;
    save(tx, cx, &next, cx.now, &["state"], &MdfRequestStarted { mdf_request: Some(next.clone()) }).await?;
    Ok(next)
}

pub(super) async fn cancel(tx: &Tx, cx: &Cx, request: &CancelMdfRequestRequest) -> Result<MdfRequest> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let (next, released) = canceled(&current, &request.reason, cx)?;
    save(tx, cx, &next, cx.now, &["state", "reason", "released_amount"], &MdfRequestCanceled { mdf_request: Some(next.clone()) }).await?;
    mdf_budget::release(tx, cx, &next, released, cx.now).await?;
    Ok(next)
}

/// Writes what a claim changed on its request; part of the claim's transaction.
pub(crate) async fn apply_claim(tx: &Tx, cx: &Cx, change: &Claimed) -> Result<()> {
    let request = &change.request;
    let changed = ["claimed_amount", "released_amount", "paid_amount", "state"];
    if request.state() == State::Completed {
        save(tx, cx, request, cx.now, &changed, &MdfRequestCompleted { mdf_request: Some(request.clone()) }).await?;
    } else {
        save(tx, cx, request, cx.now, &changed[..3], &MdfRequestClaimed { mdf_request: Some(request.clone()) }).await?;
    }
    mdf_budget::release(tx, cx, request, change.released, cx.now).await
}
