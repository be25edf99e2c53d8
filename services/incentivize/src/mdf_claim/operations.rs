//! Commands on claims. Each locks the claim, then its request, then, where
//! money goes back, the budget.

use prost::{Message, Name};
use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::incentivize::v1::{
    ApproveMdfClaimRequest, CreateMdfClaimRequest, MdfClaim, MdfClaimApproved, MdfClaimCreated, MdfClaimPaid, MdfClaimRejected,
    MdfClaimSubmitted, MdfRequest, PayMdfClaimRequest, RejectMdfClaimRequest, SubmitMdfClaimRequest,
};
use stoa_store::Tx;

use super::{approved, new, paid, rejected, store, submitted};
use crate::{amounts, ledger, mdf_request};

async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<MdfClaim> {
    let id = names::id("name", "mdfClaims", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    stoa_directory::require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

/// The claim's request, locked, in the state that it has at this instant.
async fn request_of(tx: &Tx, cx: &Cx, claim: &MdfClaim) -> Result<MdfRequest> {
    let gone = || Error::internal(format!("the request of {} is gone", claim.name));
    let current = mdf_request::store::lock(tx, cx, names::last(&claim.mdf_request)).await?.ok_or_else(gone)?;
    mdf_request::settled(tx, cx, current).await
}

async fn save<M: Message + Name>(tx: &Tx, cx: &Cx, claim: &MdfClaim, changed: &[&str], event: &M) -> Result<()> {
    store::save(tx, cx, claim).await?;
    let fact = Fact::new(&claim.name, etag::version(&claim.etag)).partner(&claim.partner);
    let fact = fact.changed(changed.iter().map(|path| (*path).to_owned()).collect());
    stoa_events::append(tx, cx, fact, event).await.map(|_| ())
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMdfClaimRequest) -> Result<MdfClaim> {
    const FIELD: &str = "mdf_claim.mdf_request";
    let input = request.mdf_claim.clone().unwrap_or_default();
    let id = ids::chosen_or_new("mdf_claim_id", &request.mdf_claim_id)?;
    let of = names::id(FIELD, "mdfRequests", &input.mdf_request)?;
    let missing = || Error::reference_not_found(FIELD, &input.mdf_request);
    let of = mdf_request::store::find(tx.conn(), cx, of).await?.ok_or_else(missing)?;
    stoa_directory::require_writer(tx.conn(), cx, &of.name, names::last(&of.partner)).await?;
    let claim = new(&id, &input, &of, cx)?;
    store::insert(tx, cx, &claim).await?;
    let event = MdfClaimCreated { mdf_claim: Some(claim.clone()) };
    stoa_events::append(tx, cx, Fact::new(&claim.name, 1).partner(&claim.partner), &event).await?;
    Ok(claim)
}

pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitMdfClaimRequest) -> Result<MdfClaim> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let claim = submitted(&current, &request.proof_references, cx)?;
    let of = request_of(tx, cx, &current).await?;
    let change = mdf_request::submitted_claim(&of, amounts::stored(claim.amount.as_ref())?, cx)?;
    save(tx, cx, &claim, &["state", "proof_references"], &MdfClaimSubmitted { mdf_claim: Some(claim.clone()) }).await?;
    mdf_request::apply_claim(tx, cx, &change).await?;
    Ok(claim)
}

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveMdfClaimRequest) -> Result<MdfClaim> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let amount = request.amount.as_ref().map(|amount| amounts::positive("amount", Some(amount))).transpose()?;
    let (claim, lost) = approved(&current, amount, &request.reason, cx)?;
    let of = request_of(tx, cx, &current).await?;
    save(tx, cx, &claim, &["state", "approved_amount"], &MdfClaimApproved { mdf_claim: Some(claim.clone()) }).await?;
    ledger::post(tx, cx, &ledger::claim_approved(&claim)?, cx.now).await?;
    if lost.minor != 0 {
        mdf_request::apply_claim(tx, cx, &mdf_request::cut(&of, lost, cx)?).await?;
    }
    Ok(claim)
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectMdfClaimRequest) -> Result<MdfClaim> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let (claim, lost) = rejected(&current, &request.reason, cx)?;
    let of = request_of(tx, cx, &current).await?;
    save(tx, cx, &claim, &["state", "reason"], &MdfClaimRejected { mdf_claim: Some(claim.clone()) }).await?;
    mdf_request::apply_claim(tx, cx, &mdf_request::cut(&of, lost, cx)?).await?;
    Ok(claim)
}

pub(super) async fn pay(tx: &Tx, cx: &Cx, request: &PayMdfClaimRequest) -> Result<MdfClaim> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let (claim, amount) = paid(&current, &request.payment_reference, cx)?;
    let of = request_of(tx, cx, &current).await?;
    save(tx, cx, &claim, &["state", "payment_reference"], &MdfClaimPaid { mdf_claim: Some(claim.clone()) }).await?;
    ledger::post(tx, cx, &ledger::claim_paid(&claim)?, cx.now).await?;
    mdf_request::apply_claim(tx, cx, &mdf_request::paid(&of, amount, cx)?).await?;
    Ok(claim)
}
