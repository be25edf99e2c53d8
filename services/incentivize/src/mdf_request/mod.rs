//! MDF request: what a partner asks for, and what of it is approved, claimed,
//! paid and given back.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateMdfRequest |
//! | DRAFT | SUBMITTED | SubmitMdfRequest |
//! | SUBMITTED | APPROVED | ApproveMdfRequest |
//! | SUBMITTED | REJECTED | RejectMdfRequest |
//! | APPROVED | IN_EXECUTION | StartMdfRequest |
//! | APPROVED, IN_EXECUTION | COMPLETED | a payment that reaches the approved amount |
//! | APPROVED, IN_EXECUTION | EXPIRED | its `claim_deadline_time` |
//! | DRAFT, SUBMITTED, APPROVED, IN_EXECUTION | CANCELED | CancelMdfRequest |
//!
//! An approval reserves its amount in the budget; an expiry or a cancellation
//! releases what is free. Always: paid ≤ claimed ≤ approved − released. What is
//! approved and not released is what the budget holds for the request.

mod api;
mod expiry;
mod lookup;
mod money;
mod operations;
mod store;

use stoa_kernel::{
    Cx, Error, Money, Result, Timestamp,
    machine::{self, Transition},
    names,
};
use stoa_proto::incentivize::v1::{ErrorReason, MdfRequest, MdfRequestState as State};

pub(crate) use expiry::{expiry_job, settle};
#[cfg(test)]
pub(crate) use money::Claimed;
pub(crate) use money::{approved, canceled, cut, expired, paid, refuse_more, submitted_claim};
pub(crate) use operations::apply_claim;
pub(crate) use store::MdfRequests;

use money::as_of;

use crate::{amounts, dates};

/// A command that moves a request from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Create,
    Submit,
    Approve,
    Reject,
    Start,
    Complete,
    Expire,
    Cancel,
}

/// The table above.
const TABLE: &[Transition<Command, State>] = {
    use Command::{Approve, Cancel, Complete, Create, Expire, Reject, Start, Submit};
    use State::{Approved, Canceled, Completed, Draft, Expired, InExecution, Rejected, Submitted};
    &[
        Transition { command: Create, from: &[], to: Draft, by: "CreateMdfRequest" },
        Transition { command: Submit, from: &[Draft], to: Submitted, by: "SubmitMdfRequest" },
        Transition { command: Approve, from: &[Submitted], to: Approved, by: "ApproveMdfRequest" },
        Transition { command: Reject, from: &[Submitted], to: Rejected, by: "RejectMdfRequest" },
        Transition { command: Start, from: &[Approved], to: InExecution, by: "StartMdfRequest" },
        Transition { command: Complete, from: &[Approved, InExecution], to: Completed, by: "a payment that reaches the approved amount" },
        Transition { command: Expire, from: &[Approved, InExecution], to: Expired, by: "its `claim_deadline_time`" },
        Transition { command: Cancel, from: &[Draft, Submitted, Approved, InExecution], to: Canceled, by: "CancelMdfRequest" },
    ]
};

/// Days between the end of the usage and the claim deadline.
const CLAIM_DAYS: i64 = 45;

/// Creates a request of a partner from the caller's input. Business dates are
/// dates in the tenant's time zone.
pub(crate) fn new(id: &str, input: &MdfRequest, partner: &str, zone: &str) -> Result<MdfRequest> {
    let amount = amounts::positive("mdf_request.amount", input.amount.as_ref())?;
    names::optional_id("mdf_request.marketing_campaign", "marketingCampaigns", &input.marketing_campaign)?;
    let start = ("mdf_request.usage_start_date", input.usage_start_date.as_str());
    let (_, last) = dates::period(start, ("mdf_request.usage_end_date", &input.usage_end_date))?;
    let end = last.tomorrow().map_err(|_| Error::invalid("mdf_request.usage_end_date", "is out of range"))?;
    let deadline = Timestamp::start_of(end, zone)?.plus_days(CLAIM_DAYS);
    let zero = Some(Money::zero(amount.currency).proto());
    Ok(MdfRequest {
        name: names::name("mdfRequests", id),
        partner: partner.to_owned(),
        mdf_budget: input.mdf_budget.clone(),
        marketing_campaign: input.marketing_campaign.clone(),
        display_name: input.display_name.clone(),
        amount: Some(amount.proto()),
        usage_start_date: input.usage_start_date.clone(),
        usage_end_date: input.usage_end_date.clone(),
        state: State::Draft as i32,
        released_amount: zero.clone(),
        claimed_amount: zero.clone(),
        paid_amount: zero,
        claim_deadline_time: Some(deadline.proto()),
        ..Default::default()
    })
}

/// Whether a request in this state is approved and has not ended.
fn is_open(state: State) -> bool {
    matches!(state, State::Approved | State::InExecution)
}

fn deadline(request: &MdfRequest) -> Timestamp {
    Timestamp::stored(request.claim_deadline_time.as_ref()).unwrap_or_default()
}

/// Refuses commands at or after the claim deadline, whether or not a sweep has
/// recorded the expiry.
fn require_before_deadline(request: &MdfRequest, cx: &Cx) -> Result<()> {
    let deadline = deadline(request);
    if cx.now < deadline {
        return Ok(());
    }
    let message = format!("the claim deadline of {} was {deadline}. Nothing can be approved or claimed after it.", request.name);
    Err(Error::precondition(ErrorReason::MdfClaimDeadlinePassed, message).with_metadata("claim_deadline_time", deadline.to_string()))
}

/// Returns the request in its next state, or an error if the command does not apply.
fn with_next_state(current: &MdfRequest, command: Command) -> Result<MdfRequest> {
    let mut next = current.clone();
    next.set_state(machine::next(TABLE, &current.name, current.state(), command)?);
    Ok(next)
}

pub(crate) fn submitted(current: &MdfRequest, cx: &Cx) -> Result<MdfRequest> {
    let mut next = with_next_state(current, Command::Submit)?;
    require_before_deadline(current, cx)?;
    next.submit_time = Some(cx.now.proto());
    Ok(next)
}

pub(crate) fn rejected(current: &MdfRequest, reason: &str, cx: &Cx) -> Result<MdfRequest> {
    let mut next = with_next_state(current, Command::Reject)?;
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok(next)
}

pub(crate) fn started(current: &MdfRequest) -> Result<MdfRequest> {
    with_next_state(current, Command::Start)
}

#[cfg(test)]
mod tests;
