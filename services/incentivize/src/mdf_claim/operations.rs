//! Commands on claims. Each locks the claim, then its request, then, if money
//! goes back, the budget.

use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::incentivize::v1::{
    ApproveMdfClaimRequest, CreateMdfClaimRequest, MdfClaim, MdfClaimApproved, MdfClaimCreated, MdfClaimPaid, MdfClaimRejected,
    MdfClaimSubmitted, MdfRequest, PayMdfClaimRequest, RejectMdfClaimRequest, SubmitMdfClaimRequest,
};
use stoa_store::{Tx, documents};

use super::{approved, new, paid, rejected, store::MdfClaims, submitted};
use crate::{
    amounts, ledger,
    mdf_request::{self, MdfRequests},
};

async fn load(tx: &Tx, cx: &Cx, name: &str, etag: &str) -> Result<MdfClaim> {
    let current = documents::load::<MdfClaims>(tx, cx, "name", name).await?;
    stoa_directory::require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::require(&current, etag)?;
    Ok(current)
}

/// Locks and settles the claim's request.
async fn request_of(tx: &Tx, cx: &Cx, claim: &MdfClaim) -> Result<MdfRequest> {
    let gone = || Error::internal(format!("the request of {} is gone", claim.name));
    let current = documents::lock::<MdfRequests>(tx, cx, names::last(&claim.mdf_request)).await?.ok_or_else(gone)?;
    mdf_request::settle(tx, cx, current).await
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMdfClaimRequest) -> Result<MdfClaim> {
    const FIELD: &str = "mdf_claim.mdf_request";
    let input = request.mdf_claim.clone().unwrap_or_default();
    let id = cx.chosen_id("mdf_claim_id", &request.mdf_claim_id)?;
    let parent = documents::get_referenced::<MdfRequests, _>(tx.conn(), cx, FIELD, &input.mdf_request).await?;
    stoa_directory::require_writer(tx.conn(), cx, &parent.name, names::last(&parent.partner)).await?;
    record_created::<MdfClaims, MdfClaimCreated>(tx, cx, new(&id, &input, &parent)?).await
}

pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitMdfClaimRequest) -> Result<MdfClaim> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let claim = submitted(&current, &request.proof_references, cx)?;
    let parent = request_of(tx, cx, &current).await?;
    let change = mdf_request::submitted_claim(&parent, amounts::stored(claim.amount.as_ref())?, cx)?;
    let claim = record_changed::<MdfClaims, MdfClaimSubmitted>(tx, cx, &current, claim).await?;
    mdf_request::apply_claim(tx, cx, &parent, change).await?;
    Ok(claim)
}

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveMdfClaimRequest) -> Result<MdfClaim> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let amount = request.amount.as_ref().map(|amount| amounts::positive("amount", Some(amount))).transpose()?;
    let (claim, lost) = approved(&current, amount, &request.reason, cx)?;
    let parent = request_of(tx, cx, &current).await?;
    let claim = record_changed::<MdfClaims, MdfClaimApproved>(tx, cx, &current, claim).await?;
    ledger::post(tx, cx, &ledger::claim_approved(&claim)?, cx.now).await?;
    if lost.minor != 0 {
        mdf_request::apply_claim(tx, cx, &parent, mdf_request::cut(&parent, lost)?).await?;
    }
    Ok(claim)
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectMdfClaimRequest) -> Result<MdfClaim> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let (claim, lost) = rejected(&current, &request.reason, cx)?;
    let parent = request_of(tx, cx, &current).await?;
    let claim = record_changed::<MdfClaims, MdfClaimRejected>(tx, cx, &current, claim).await?;
    mdf_request::apply_claim(tx, cx, &parent, mdf_request::cut(&parent, lost)?).await?;
    Ok(claim)
}

pub(super) async fn pay(tx: &Tx, cx: &Cx, request: &PayMdfClaimRequest) -> Result<MdfClaim> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let (claim, amount) = paid(&current, &request.payment_reference, cx)?;
    let parent = request_of(tx, cx, &current).await?;
    let claim = record_changed::<MdfClaims, MdfClaimPaid>(tx, cx, &current, claim).await?;
    ledger::post(tx, cx, &ledger::claim_paid(&claim)?, cx.now).await?;
    mdf_request::apply_claim(tx, cx, &parent, mdf_request::paid(&parent, amount, cx)?).await?;
    Ok(claim)
}
