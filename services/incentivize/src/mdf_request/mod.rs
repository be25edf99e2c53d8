//! MDF request: what a partner asks for, what of it is approved, claimed, paid
//! and given back.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateMdfRequest |
//! | DRAFT | SUBMITTED | SubmitMdfRequest |
//! | SUBMITTED | APPROVED (reserves in the budget) | ApproveMdfRequest |
//! | SUBMITTED | REJECTED | RejectMdfRequest |
//! | APPROVED | IN_EXECUTION | StartMdfRequest |
//! | APPROVED, IN_EXECUTION | COMPLETED | a payment that reaches the approved amount |
//! | APPROVED, IN_EXECUTION | EXPIRED (releases) | the claim deadline, at its instant |
//! | DRAFT, SUBMITTED, APPROVED, IN_EXECUTION | CANCELED (releases) | CancelMdfRequest |
//!
//! Always: paid ≤ claimed ≤ approved − released. What is approved and not
//! released is what the budget holds for the request.

mod api;
mod expiry;
mod money;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Cx, Error, Money, Result, Timestamp, etag, names};
use stoa_proto::incentivize::v1::{ErrorReason, MdfRequest, MdfRequestState as State};

pub(crate) use expiry::{expiry_job, settled};
pub(crate) use money::{Claimed, approved, canceled, cut, expired, judged, paid, refuse_more, submitted_claim};
pub(crate) use operations::apply_claim;

use crate::{amounts, dates};

/// Days between the end of the usage and the claim deadline.
const CLAIM_DAYS: i64 = 45;

/// A new request of a partner from what the caller sent. Business dates are
/// dates of the tenant's zone.
pub(crate) fn new(id: &str, input: &MdfRequest, partner: &str, zone: &str, cx: &Cx) -> Result<MdfRequest> {
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
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..Default::default()
    })
}

/// Approved, and not ended.
fn is_open(state: State) -> bool {
    matches!(state, State::Approved | State::InExecution)
}

fn deadline(request: &MdfRequest) -> Timestamp {
    Timestamp::stored(request.claim_deadline_time.as_ref()).unwrap_or_default()
}

/// Refuses what comes at or after the claim deadline, whatever a sweep has
/// recorded.
fn in_time(request: &MdfRequest, cx: &Cx) -> Result<()> {
    let deadline = deadline(request);
    if cx.now < deadline {
        return Ok(());
    }
    let message = format!("the claim deadline of {} was {deadline}; nothing can be approved or claimed any more", request.name);
    Err(Error::precondition(ErrorReason::MdfClaimDeadlinePassed.as_str_name(), message)
        .with_metadata("claim_deadline_time", deadline.to_string()))
}

/// The request in its next state, or why it cannot get there.
fn moved(current: &MdfRequest, from: &[State], to: State, cx: &Cx) -> Result<MdfRequest> {
    if !from.contains(&current.state()) {
        let needs: Vec<&str> = from.iter().map(State::as_str_name).collect();
        return Err(Error::state(&current.name, current.state().as_str_name(), &needs.join(" or ")));
    }
    let mut next = current.clone();
    next.set_state(to);
    Ok(revised(next, cx))
}

pub(crate) fn submitted(current: &MdfRequest, cx: &Cx) -> Result<MdfRequest> {
    let mut next = moved(current, &[State::Draft], State::Submitted, cx)?;
    in_time(current, cx)?;
    next.submit_time = Some(cx.now.proto());
    Ok(next)
}

pub(crate) fn rejected(current: &MdfRequest, reason: &str, cx: &Cx) -> Result<MdfRequest> {
    let mut next = moved(current, &[State::Submitted], State::Rejected, cx)?;
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok(next)
}

pub(crate) fn started(current: &MdfRequest, cx: &Cx) -> Result<MdfRequest> {
    moved(current, &[State::Approved], State::InExecution, cx)
}

fn revised(mut request: MdfRequest, cx: &Cx) -> MdfRequest {
    request.etag = etag::next(&request.etag);
    request.update_time = Some(cx.now.proto());
    request
}

#[cfg(test)]
mod tests;
