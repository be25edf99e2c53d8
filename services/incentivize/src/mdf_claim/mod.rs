//! MDF claim: what a partner asks to be reimbursed for under an approved request.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateMdfClaim |
//! | DRAFT | SUBMITTED | SubmitMdfClaim |
//! | SUBMITTED | APPROVED | ApproveMdfClaim |
//! | SUBMITTED | REJECTED | RejectMdfClaim |
//! | APPROVED | PAID | PayMdfClaim |
//!
//! A claim is submitted with a proof, before the claim deadline of its request;
//! it may be approved in part.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{
    Cx, Error, Money, Result,
    machine::{self, Transition},
    names,
};
use stoa_proto::incentivize::v1::{ErrorReason, MdfClaim, MdfClaimState as State, MdfRequest};

use crate::{amounts, mdf_request};

/// A command that moves a claim from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Create,
    Submit,
    Approve,
    Reject,
    Pay,
}

/// The table above.
const TABLE: &[Transition<Command, State>] = &[
    Transition { command: Command::Create, from: &[], to: State::Draft, by: "CreateMdfClaim" },
    Transition { command: Command::Submit, from: &[State::Draft], to: State::Submitted, by: "SubmitMdfClaim" },
    Transition { command: Command::Approve, from: &[State::Submitted], to: State::Approved, by: "ApproveMdfClaim" },
    Transition { command: Command::Reject, from: &[State::Submitted], to: State::Rejected, by: "RejectMdfClaim" },
    Transition { command: Command::Pay, from: &[State::Approved], to: State::Paid, by: "PayMdfClaim" },
];

/// Creates a claim on a request from the caller's input.
pub(crate) fn new(id: &str, input: &MdfClaim, request: &MdfRequest) -> Result<MdfClaim> {
    let amount = amounts::positive("mdf_claim.amount", input.amount.as_ref())?;
    amounts::same_currency("mdf_claim.amount", amount, "the request", amounts::stored(request.amount.as_ref())?)?;
    Ok(MdfClaim {
        name: names::name("mdfClaims", id),
        mdf_request: request.name.clone(),
        partner: request.partner.clone(),
        amount: Some(amount.proto()),
        proof_references: input.proof_references.clone(),
        state: State::Draft as i32,
        ..Default::default()
    })
}

/// Returns the claim in its next state, or an error if the command does not apply.
fn with_next_state(current: &MdfClaim, command: Command) -> Result<MdfClaim> {
    let mut next = current.clone();
    next.set_state(machine::next(TABLE, &current.name, current.state(), command)?);
    Ok(next)
}

/// Submits a draft. Proofs that are given replace those of the draft.
pub(crate) fn submitted(current: &MdfClaim, proofs: &[String], cx: &Cx) -> Result<MdfClaim> {
    const FIELD: &str = "proof_references";
    let mut next = with_next_state(current, Command::Submit)?;
    if !proofs.is_empty() {
        next.proof_references = proofs.to_vec();
    }
    if next.proof_references.iter().all(|proof| proof.trim().is_empty()) {
        let message = format!("{} names no proof of performance. Set {FIELD} to where a proof is kept.", current.name);
        return Err(Error::precondition(ErrorReason::ProofMissing, message).with_field(FIELD, "must not be empty"));
    }
    next.submit_time = Some(cx.now.proto());
    Ok(next)
}

/// Approves all or part of what is claimed. Returns the claim and how much of
/// it is not approved.
pub(crate) fn approved(current: &MdfClaim, amount: Option<Money>, reason: &str, cx: &Cx) -> Result<(MdfClaim, Money)> {
    let mut next = with_next_state(current, Command::Approve)?;
    let claimed = amounts::stored(current.amount.as_ref())?;
    let amount = amount.unwrap_or(claimed);
    amounts::same_currency("amount", amount, "the claim", claimed)?;
    mdf_request::refuse_more("amount", amount, claimed)?;
    next.approved_amount = Some(amount.proto());
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok((next, amounts::subtract(claimed, amount)?))
}

pub(crate) fn rejected(current: &MdfClaim, reason: &str, cx: &Cx) -> Result<(MdfClaim, Money)> {
    let mut next = with_next_state(current, Command::Reject)?;
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok((next, amounts::stored(current.amount.as_ref())?))
}

pub(crate) fn paid(current: &MdfClaim, reference: &str, cx: &Cx) -> Result<(MdfClaim, Money)> {
    let mut next = with_next_state(current, Command::Pay)?;
    next.payment_reference = reference.to_owned();
    next.pay_time = Some(cx.now.proto());
    Ok((next, amounts::stored(current.approved_amount.as_ref())?))
}

#[cfg(test)]
mod tests;
