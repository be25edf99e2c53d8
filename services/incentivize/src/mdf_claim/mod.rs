//! MDF claim: what a partner asks to be reimbursed of an approved request.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateMdfClaim |
//! | DRAFT | SUBMITTED | SubmitMdfClaim, with a proof, before the request's claim deadline |
//! | SUBMITTED | APPROVED, as a whole or in part | ApproveMdfClaim |
//! | SUBMITTED | REJECTED | RejectMdfClaim |
//! | APPROVED | PAID | PayMdfClaim |

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Cx, Error, Money, Result, etag, names};
use stoa_proto::incentivize::v1::{ErrorReason, MdfClaim, MdfClaimState as State, MdfRequest};

use crate::{amounts, mdf_request};

/// A new claim on a request from what the caller sent.
pub(crate) fn new(id: &str, input: &MdfClaim, request: &MdfRequest, cx: &Cx) -> Result<MdfClaim> {
    let amount = amounts::positive("mdf_claim.amount", input.amount.as_ref())?;
    amounts::same_currency("mdf_claim.amount", amount, "the request", amounts::stored(request.amount.as_ref())?)?;
    Ok(MdfClaim {
        name: names::name("mdfClaims", id),
        mdf_request: request.name.clone(),
        partner: request.partner.clone(),
        amount: Some(amount.proto()),
        proof_references: input.proof_references.clone(),
        state: State::Draft as i32,
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..Default::default()
    })
}

/// The claim in its next state, or why it cannot get there.
fn moved(current: &MdfClaim, from: State, to: State, cx: &Cx) -> Result<MdfClaim> {
    if current.state() != from {
        return Err(Error::state(&current.name, current.state().as_str_name(), from.as_str_name()));
    }
    let mut next = current.clone();
    next.set_state(to);
    next.etag = etag::next(&current.etag);
    next.update_time = Some(cx.now.proto());
    Ok(next)
}

/// Submits a draft, with other proofs than the draft's where some are given.
pub(crate) fn submitted(current: &MdfClaim, proofs: &[String], cx: &Cx) -> Result<MdfClaim> {
    const FIELD: &str = "proof_references";
    let mut next = moved(current, State::Draft, State::Submitted, cx)?;
    if !proofs.is_empty() {
        next.proof_references = proofs.to_vec();
    }
    if next.proof_references.iter().all(|proof| proof.trim().is_empty()) {
        let message = format!("{} names no proof of performance; say in {FIELD} where one is kept", current.name);
        return Err(Error::precondition(ErrorReason::ProofMissing.as_str_name(), message).with_field(FIELD, "must not be empty"));
    }
    next.submit_time = Some(cx.now.proto());
    Ok(next)
}

/// Approves all or a part of what is claimed; returns what the claim lost.
pub(crate) fn approved(current: &MdfClaim, amount: Option<Money>, reason: &str, cx: &Cx) -> Result<(MdfClaim, Money)> {
    let mut next = moved(current, State::Submitted, State::Approved, cx)?;
    let claimed = amounts::stored(current.amount.as_ref())?;
    let amount = amount.unwrap_or(claimed);
    amounts::same_currency("amount", amount, "the claim", claimed)?;
    mdf_request::refuse_more("amount", amount, claimed)?;
    next.approved_amount = Some(amount.proto());
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok((next, amounts::less(claimed, amount)?))
}

pub(crate) fn rejected(current: &MdfClaim, reason: &str, cx: &Cx) -> Result<(MdfClaim, Money)> {
    let mut next = moved(current, State::Submitted, State::Rejected, cx)?;
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok((next, amounts::stored(current.amount.as_ref())?))
}

pub(crate) fn paid(current: &MdfClaim, reference: &str, cx: &Cx) -> Result<(MdfClaim, Money)> {
    let mut next = moved(current, State::Approved, State::Paid, cx)?;
    next.payment_reference = reference.to_owned();
    next.pay_time = Some(cx.now.proto());
    Ok((next, amounts::stored(current.approved_amount.as_ref())?))
}

#[cfg(test)]
mod tests;
