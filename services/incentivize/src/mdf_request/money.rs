//! What happens to the money of a request. Pure.

use stoa_kernel::{Cx, Error, Kind, Money, Result, Timestamp};
use stoa_proto::{
    common::v1 as pb,
    incentivize::v1::{ErrorReason, MdfRequest, MdfRequestState as State},
};

use super::{Command, deadline, is_open, require_before_deadline, with_next_state};
use crate::amounts;

/// The four amounts of an approved request.
struct Amounts {
    approved: Money,
    released: Money,
    claimed: Money,
    paid: Money,
}

fn amounts_of(request: &MdfRequest) -> Result<Amounts> {
    let asked = amounts::stored(request.amount.as_ref())?;
    Ok(Amounts {
        approved: amounts::stored_or_zero(request.approved_amount.as_ref(), asked)?,
        released: amounts::stored_or_zero(request.released_amount.as_ref(), asked)?,
        claimed: amounts::stored_or_zero(request.claimed_amount.as_ref(), asked)?,
        paid: amounts::stored_or_zero(request.paid_amount.as_ref(), asked)?,
    })
}

impl Amounts {
    /// Returns what is approved and neither given back nor claimed.
    fn free(&self) -> Result<Money> {
        amounts::subtract(amounts::subtract(self.approved, self.released)?, self.claimed)
    }
}

/// What a claim changes on its request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claimed {
    /// The request after the change.
    pub(crate) request: MdfRequest,
    /// What goes back to the budget.
    pub(crate) released: Money,
}

/// Approves all or part of what was requested.
pub(crate) fn approved(current: &MdfRequest, amount: Option<Money>, budget: &str, reason: &str, cx: &Cx) -> Result<MdfRequest> {
    let mut next = with_next_state(current, Command::Approve)?;
    require_before_deadline(current, cx)?;
    let asked = amounts::stored(current.amount.as_ref())?;
    let amount = amount.unwrap_or(asked);
    amounts::same_currency("amount", amount, "the request", asked)?;
    refuse_more("amount", amount, asked)?;
    next.mdf_budget = budget.to_owned();
    next.approved_amount = Some(amount.proto());
    next.reason = reason.to_owned();
    next.decide_time = Some(cx.now.proto());
    Ok(next)
}

/// Refuses to approve more than was requested.
pub(crate) fn refuse_more(field: &str, amount: Money, asked: Money) -> Result<()> {
    if amount.minor <= asked.minor {
        return Ok(());
    }
    let message = format!("must be at most the requested {}, not {}", asked.human(), amount.human());
    Err(Error::new(Kind::InvalidArgument, ErrorReason::MdfApprovalExceedsRequest, format!("{field} {message}")).with_field(field, message))
}

/// Cancels a request and returns what goes back to the budget.
pub(crate) fn canceled(current: &MdfRequest, reason: &str, cx: &Cx) -> Result<(MdfRequest, Money)> {
    let next = with_next_state(current, Command::Cancel)?;
    let now = amounts_of(current)?;
    if now.claimed != now.paid {
        let message = format!("{} has claims that are undecided or unpaid. Reject or pay them first.", current.name);
        return Err(Error::precondition(ErrorReason::MdfClaimsOpen, message));
    }
    let (mut next, released) = emptied(next, cx.now)?;
    next.reason = reason.to_owned();
    Ok((next, released))
}

/// Returns the request as its claim deadline left it, and what goes back to the
/// budget; `None` if the deadline is still to come or ends nothing. Claims that
/// were submitted in time are still decided and paid after it.
pub(crate) fn expired(current: &MdfRequest, cx: &Cx) -> Result<Option<(MdfRequest, Money)>> {
    if !is_open(current.state()) || cx.now < deadline(current) {
        return Ok(None);
    }
    emptied(with_next_state(current, Command::Expire)?, deadline(current)).map(Some)
}

/// Returns the request as of an instant, whether or not its expiry has been
/// recorded: what is not claimed is released.
pub(super) fn as_of(mut request: MdfRequest, at: Timestamp) -> MdfRequest {
    if !is_open(request.state()) || at < deadline(&request) {
        return request;
    }
    let minor = |amount: &Option<pb::Money>| amount.as_ref().map_or(0, |amount| amount.minor_units);
    let unclaimed = minor(&request.approved_amount).saturating_sub(minor(&request.claimed_amount));
    if let Some(released) = &mut request.released_amount {
        released.minor_units = unclaimed;
    }
    request.end_time = Some(deadline(&request).proto());
    request.set_state(State::Expired);
    request
}

/// Ends the request and gives back all that is free.
fn emptied(mut request: MdfRequest, at: Timestamp) -> Result<(MdfRequest, Money)> {
    let now = amounts_of(&request)?;
    let free = now.free()?;
    request.released_amount = Some(now.released.add(free)?.proto());
    request.end_time = Some(at.proto());
    Ok((request, free))
}

/// Returns the request after a claim of an amount was submitted.
pub(crate) fn submitted_claim(current: &MdfRequest, amount: Money, cx: &Cx) -> Result<Claimed> {
    require_before_deadline(current, cx)?;
    if !is_open(current.state()) {
        return Err(Error::state(&current.name, current.state().as_str_name(), "a request that is APPROVED or IN_EXECUTION"));
    }
    let now = amounts_of(current)?;
    amounts::same_currency("mdf_claim.amount", amount, "the request", now.approved)?;
    let free = now.free()?;
    if amount.minor > free.minor {
        let message = format!("{} has {} left to claim, but the claim is for {}. Claim less.", current.name, free.human(), amount.human());
        return Err(Error::precondition(ErrorReason::MdfClaimExceedsApproved, message)
            .with_field("mdf_claim.amount", "is more than is left to claim")
            .with_metadata("remaining_minor_units", free.minor.to_string()));
    }
    let mut next = current.clone();
    next.claimed_amount = Some(now.claimed.add(amount)?.proto());
    Ok(Claimed { request: next, released: Money::zero(amount.currency) })
}

/// Returns the request after a submitted claim was cut by an amount, which is
/// all of it if the claim was rejected. If the request has ended, the amount
/// goes back to the budget.
pub(crate) fn cut(current: &MdfRequest, by: Money) -> Result<Claimed> {
    let now = amounts_of(current)?;
    let mut next = current.clone();
    next.claimed_amount = Some(amounts::subtract(now.claimed, by)?.proto());
    let goes_back = !is_open(current.state());
    if goes_back {
        next.released_amount = Some(now.released.add(by)?.proto());
    }
    let released = if goes_back { by } else { Money::zero(by.currency) };
    Ok(Claimed { request: next, released })
}

/// Returns the request after an approved claim was paid: completed if all that
/// was approved is paid.
pub(crate) fn paid(current: &MdfRequest, amount: Money, cx: &Cx) -> Result<Claimed> {
    let now = amounts_of(current)?;
    let paid = now.paid.add(amount)?;
    if paid.minor > now.claimed.minor {
        return Err(Error::internal(format!("{} would be paid more than is claimed", current.name)));
    }
    let mut next = current.clone();
    next.paid_amount = Some(paid.proto());
    if is_open(current.state()) && paid.minor >= now.approved.minor {
        next = with_next_state(&next, Command::Complete)?;
        next.end_time = Some(cx.now.proto());
    }
    Ok(Claimed { request: next, released: Money::zero(amount.currency) })
}
