//! The registration of a deal.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateDeal with a partner |
//! | (none), DRAFT, CONFLICTED | SUBMITTED | SubmitDealRegistration |
//! | APPROVED, taken from a CRM | SUBMITTED | SubmitDealRegistration; history no longer |
//! | ACTION_REQUIRED | UNDER_REVIEW | SubmitDealRegistration |
//! | SUBMITTED, UNDER_REVIEW | CONFLICTED | the same submission, where somebody else holds the customer |
//! | ACTION_REQUIRED | CONFLICTED | UpdateDeal, where somebody else holds the new customer |
//! | SUBMITTED, UNDER_REVIEW | APPROVED | ApproveDealRegistration of an open deal |
//! | SUBMITTED, UNDER_REVIEW | ACTION_REQUIRED | RequestDealAction |
//! | SUBMITTED, UNDER_REVIEW, ACTION_REQUIRED, CONFLICTED | REJECTED(closure code) | RejectDealRegistration |
//! | SUBMITTED, UNDER_REVIEW, ACTION_REQUIRED, CONFLICTED, APPROVED | WITHDRAWN | WithdrawDealRegistration |
//! | SUBMITTED, UNDER_REVIEW, ACTION_REQUIRED | EXPIRED | 30 days without a decision, recorded by a sweep |
//! | (none) | APPROVED, unprotected | a CRM row: history is taken as decided |

use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::sell::v1::{ClosureCode, ConflictSource, Deal, ErrorReason, RegistrationState as State};

use super::{conflict, pipeline, protection, revised};

/// Days in which a registration is decided.
const DECIDE_DAYS: i64 = 30;

const UNDECIDED: [State; 2] = [State::Submitted, State::UnderReview];

/// Waits for the vendor or the partner, until its due instant.
pub(crate) fn is_pending(state: State) -> bool {
    matches!(state, State::Submitted | State::UnderReview | State::ActionRequired)
}

/// The state at an instant: an undecided registration is expired from its due
/// instant on, whether or not the sweep came by.
pub(crate) fn state_at(deal: &Deal, now: Timestamp) -> State {
    let state = deal.registration_state();
    let due = Timestamp::stored(deal.decide_due_time.as_ref());
    if is_pending(state) && due.is_some_and(|due| due <= now) { State::Expired } else { state }
}

fn moved(current: &Deal, from: &[State], to: State, cx: &Cx) -> Result<Deal> {
    let state = state_at(current, cx.now);
    if !from.contains(&state) {
        let needs: Vec<&str> = from.iter().map(State::as_str_name).collect();
        return Err(Error::state(&current.name, state.as_str_name(), &needs.join(" or ")));
    }
    let mut next = current.clone();
    next.set_registration_state(to);
    next.required_action.clear();
    next.decide_due_time = None;
    next.set_conflict_source(ConflictSource::Unspecified);
    Ok(revised(next, cx))
}

/// The deal as it is at an instant. Its version is the one that is stored: a
/// sweep will record what is due.
pub(super) fn seen(mut deal: Deal, now: Timestamp) -> Deal {
    if state_at(&deal, now) == State::Expired {
        expire(&mut deal);
    }
    deal
}

fn expire(deal: &mut Deal) {
    deal.set_registration_state(State::Expired);
    deal.required_action.clear();
    deal.decide_due_time = None;
}

/// Everything that a registration needs, or every field that is missing.
fn check_complete(deal: &Deal) -> Result<()> {
    let mut missing = Vec::new();
    let customer = deal.customer.clone().unwrap_or_default();
    if deal.partner.is_empty() {
        missing.push(("deal.partner", "must be set: a direct deal is not registered"));
    }
    if deal.product_line.is_empty() {
        missing.push(("deal.product_line", "must be set"));
    }
    if customer.display_name.is_empty() {
        missing.push(("deal.customer.display_name", "must be set"));
    }
    if conflict::keys(&customer).is_empty() {
        missing.push(("deal.customer.domain", "or account_reference or tax_id must be set"));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let error = Error::precondition(
        ErrorReason::DealIncomplete.as_str_name(),
        format!("{} lacks what a registration needs; update it, then submit", deal.name),
    );
    Err(missing.into_iter().fold(error, |error, (field, message)| error.with_field(field, message)))
}

const SUBMITTABLE: [State; 5] = [State::Unspecified, State::Draft, State::Conflicted, State::ActionRequired, State::Approved];

/// What a CRM reported as registered was decided there: here it may be
/// registered once, and is history no longer.
pub(super) fn submitted(current: &Deal, cx: &Cx) -> Result<Deal> {
    pipeline::require_open(current)?;
    let again = state_at(current, cx.now) == State::ActionRequired;
    let to = if again { State::UnderReview } else { State::Submitted };
    let from = if current.imported { &SUBMITTABLE[..] } else { &SUBMITTABLE[..4] };
    let mut next = moved(current, from, to, cx)?;
    check_complete(current)?;
    next.approve_time = None;
    if next.submit_time.is_none() {
        next.submit_time = Some(cx.now.proto());
    }
    next.decide_due_time = Some(cx.now.plus_days(DECIDE_DAYS).proto());
    next.imported = false;
    Ok(next)
}

pub(crate) fn conflicted(current: &Deal, source: ConflictSource, cx: &Cx) -> Result<Deal> {
    let mut next = moved(current, &[State::Submitted, State::UnderReview, State::ActionRequired], State::Conflicted, cx)?;
    next.set_conflict_source(source);
    Ok(next)
}

pub(super) fn approved(current: &Deal, cx: &Cx) -> Result<Deal> {
    pipeline::require_open(current)?;
    let mut next = moved(current, &UNDECIDED, State::Approved, cx)?;
    next.approve_time = Some(cx.now.proto());
    protection::protect(&mut next, cx.now.plus_days(protection::DAYS), cx.now);
    Ok(next)
}

pub(super) fn rejected(current: &Deal, code: ClosureCode, reason: &str, cx: &Cx) -> Result<Deal> {
    let from = [State::Submitted, State::UnderReview, State::ActionRequired, State::Conflicted];
    let mut next = moved(current, &from, State::Rejected, cx)?;
    next.set_closure_code(code);
    next.closure_reason = reason.to_owned();
    Ok(next)
}

/// Asking does not stop the clock: the due instant stays.
pub(super) fn action_required(current: &Deal, required_action: &str, cx: &Cx) -> Result<Deal> {
    pipeline::require_open(current)?;
    let mut next = moved(current, &UNDECIDED, State::ActionRequired, cx)?;
    next.required_action = required_action.to_owned();
    next.decide_due_time = current.decide_due_time;
    Ok(next)
}

pub(super) fn withdrawn(current: &Deal, cx: &Cx) -> Result<Deal> {
    pipeline::require_open(current)?;
    let from = [State::Submitted, State::UnderReview, State::ActionRequired, State::Conflicted, State::Approved];
    let mut next = moved(current, &from, State::Withdrawn, cx)?;
    next.withdraw_time = Some(cx.now.proto());
    if protection::stands(&next, cx.now) {
        next.protect_end_time = Some(cx.now.proto());
    }
    Ok(next)
}

/// Records that nobody decided in time; gives the instant it was due, or
/// nothing where it is not.
pub(super) fn expired(current: &Deal, cx: &Cx) -> Option<(Deal, Timestamp)> {
    let due = Timestamp::stored(current.decide_due_time.as_ref())?;
    if !is_pending(current.registration_state()) || state_at(current, cx.now) != State::Expired {
        return None;
    }
    let mut next = current.clone();
    expire(&mut next);
    Some((revised(next, cx), due))
}

/// A registration of the past as a CRM reports it: it was decided there, is not
/// protected and competes with nobody. It closes only what is not registered.
pub(crate) fn taken(current: &Deal, at: Timestamp, cx: &Cx) -> Result<Deal> {
    let mut next = moved(current, &[State::Unspecified], State::Approved, cx)?;
    next.submit_time = Some(at.proto());
    next.approve_time = Some(at.proto());
    Ok(next)
}

/// The enrollments cover the product line; one that names none covers all.
pub(super) fn check_authorized(deal: &Deal, authorized: &[Vec<String>]) -> Result<()> {
    if authorized.iter().any(|lines| lines.is_empty() || lines.contains(&deal.product_line)) {
        return Ok(());
    }
    let message = format!("partners/{} may not sell {}; authorize the product line first", names::last(&deal.partner), deal.product_line);
    Err(Error::precondition(ErrorReason::ProductLineNotAuthorized.as_str_name(), message)
        .with_field("deal.product_line", "is not authorized"))
}

/// The version of a deal, for the log.
pub(super) fn version(deal: &Deal) -> i64 {
    etag::version(&deal.etag)
}
