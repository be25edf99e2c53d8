//! The registration of a deal.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateDeal with a partner |
//! | (none) | UNSPECIFIED | CreateDeal without a partner, a CRM row |
//! | UNSPECIFIED, DRAFT, CONFLICTED | SUBMITTED | SubmitDealRegistration |
//! | ACTION_REQUIRED | UNDER_REVIEW | SubmitDealRegistration |
//! | APPROVED | SUBMITTED | SubmitDealRegistration, if the deal was taken from a CRM |
//! | SUBMITTED, UNDER_REVIEW | CONFLICTED | SubmitDealRegistration, if somebody else holds the customer |
//! | ACTION_REQUIRED | CONFLICTED | UpdateDeal or a CRM row, if somebody else holds the new customer |
//! | SUBMITTED, UNDER_REVIEW | APPROVED | ApproveDealRegistration |
//! | SUBMITTED, UNDER_REVIEW | ACTION_REQUIRED | RequestDealAction |
//! | SUBMITTED, UNDER_REVIEW, ACTION_REQUIRED, CONFLICTED | REJECTED | RejectDealRegistration |
//! | SUBMITTED, UNDER_REVIEW, ACTION_REQUIRED, CONFLICTED, APPROVED | WITHDRAWN | WithdrawDealRegistration |
//! | SUBMITTED, UNDER_REVIEW, ACTION_REQUIRED | EXPIRED | 30 days without a decision, recorded by a sweep |
//! | UNSPECIFIED | APPROVED | a CRM row: history is taken as decided there |
//!
//! The state depends on the instant ([`state_at`]): a command leads on from the
//! state at its instant. The registration of a deal that is won, lost or
//! deleted can only be rejected, expire, or be imported from a CRM.

use stoa_kernel::{
    Error, Result, Timestamp,
    machine::{self, Transition},
    names,
};
use stoa_proto::sell::v1::{ClosureCode, ConflictSource, Deal, ErrorReason, RegistrationState as State};

use super::{pipeline, protection};
use crate::claim;

/// Days within which a registration must be decided.
const DECIDE_DAYS: i64 = 30;

/// A command that moves a registration from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Create,
    Submit,
    SubmitHistory,
    Conflict,
    Approve,
    RequestAction,
    Reject,
    Withdraw,
    Expire,
    Import,
}

const UNDECIDED: &[State] = &[State::Submitted, State::UnderReview];
pub(super) const PENDING: &[State] = &[State::Submitted, State::UnderReview, State::ActionRequired];

pub(super) const TABLE: &[Transition<Command, State>] = &[
    Transition { command: Command::Create, from: &[], to: State::Draft, by: "CreateDeal with a partner" },
    Transition { command: Command::Create, from: &[], to: State::Unspecified, by: "CreateDeal without a partner, a CRM row" },
    Transition {
        command: Command::Submit,
        from: &[State::Unspecified, State::Draft, State::Conflicted],
        to: State::Submitted,
        by: "SubmitDealRegistration",
    },
    Transition { command: Command::Submit, from: &[State::ActionRequired], to: State::UnderReview, by: "SubmitDealRegistration" },
    Transition {
        command: Command::SubmitHistory,
        from: &[State::Approved],
        to: State::Submitted,
        by: "SubmitDealRegistration, if the deal was taken from a CRM",
    },
    Transition {
        command: Command::Conflict,
        from: UNDECIDED,
        to: State::Conflicted,
        by: "SubmitDealRegistration, if somebody else holds the customer",
    },
    Transition {
        command: Command::Conflict,
        from: &[State::ActionRequired],
        to: State::Conflicted,
        by: "UpdateDeal or a CRM row, if somebody else holds the new customer",
    },
    Transition { command: Command::Approve, from: UNDECIDED, to: State::Approved, by: "ApproveDealRegistration" },
    Transition { command: Command::RequestAction, from: UNDECIDED, to: State::ActionRequired, by: "RequestDealAction" },
    Transition {
        command: Command::Reject,
        from: &[State::Submitted, State::UnderReview, State::ActionRequired, State::Conflicted],
        to: State::Rejected,
        by: "RejectDealRegistration",
    },
    Transition {
        command: Command::Withdraw,
        from: &[State::Submitted, State::UnderReview, State::ActionRequired, State::Conflicted, State::Approved],
        to: State::Withdrawn,
        by: "WithdrawDealRegistration",
    },
    Transition { command: Command::Expire, from: PENDING, to: State::Expired, by: "30 days without a decision, recorded by a sweep" },
    Transition {
        command: Command::Import,
        from: &[State::Unspecified],
        to: State::Approved,
        by: "a CRM row: history is taken as decided there",
    },
];

/// Whether a registration in this state waits for the vendor or the partner,
/// until its due instant.
pub(crate) fn is_pending(state: State) -> bool {
    PENDING.contains(&state)
}

/// Returns the state at an instant: an undecided registration is expired from
/// its due instant on, whether or not the sweep has recorded it.
pub(crate) fn state_at(deal: &Deal, now: Timestamp) -> State {
    let state = deal.registration_state();
    let due = Timestamp::stored(deal.decide_due_time.as_ref());
    if is_pending(state) && due.is_some_and(|due| due <= now) { State::Expired } else { state }
}

/// Returns the deal after a command, without the fields of its previous state.
fn with_next_state(current: &Deal, command: Command, now: Timestamp) -> Result<Deal> {
    let to = machine::next(TABLE, &current.name, state_at(current, now), command)?;
    let mut next = current.clone();
    next.set_registration_state(to);
    next.required_action.clear();
    next.decide_due_time = None;
    next.set_conflict_source(ConflictSource::Unspecified);
    Ok(next)
}

/// Returns the deal as of an instant. Its version is the stored one: a sweep
/// will record what is due.
pub(crate) fn as_of(mut deal: Deal, now: Timestamp) -> Deal {
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

/// Refuses a deal that lacks what a registration needs, and names every missing field.
fn check_complete(deal: &Deal) -> Result<()> {
    let mut missing = Vec::new();
    let customer = deal.customer.clone().unwrap_or_default();
    if deal.partner.is_empty() {
        missing.push(("deal.partner", "must be set, because a direct deal cannot be registered"));
    }
    if deal.product_line.is_empty() {
        missing.push(("deal.product_line", "must be set"));
    }
    if customer.display_name.is_empty() {
        missing.push(("deal.customer.display_name", "must be set"));
    }
    if claim::keys(&customer).is_empty() {
        missing.push(("deal.customer.domain", "must be set if account_reference and tax_id are empty"));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let error = Error::precondition(
        ErrorReason::DealIncomplete,
        format!("{} lacks what a registration needs. Update it, then submit it.", deal.name),
    );
    Err(missing.into_iter().fold(error, |error, (field, message)| error.with_field(field, message)))
}

/// Returns the deal after a submission. A registration that a CRM reported was
/// decided there: it may be submitted here once, and is then no longer history.
pub(super) fn submitted(current: &Deal, now: Timestamp) -> Result<Deal> {
    pipeline::require_open(current)?;
    let is_history = current.imported && current.registration_state() == State::Approved;
    let mut next = with_next_state(current, if is_history { Command::SubmitHistory } else { Command::Submit }, now)?;
    check_complete(current)?;
    next.approve_time = None;
    if next.submit_time.is_none() {
        next.submit_time = Some(now.proto());
    }
    next.decide_due_time = Some(now.plus_days(DECIDE_DAYS).proto());
    next.imported = false;
    Ok(next)
}

pub(crate) fn conflicted(current: &Deal, source: ConflictSource, now: Timestamp) -> Result<Deal> {
    let mut next = with_next_state(current, Command::Conflict, now)?;
    next.set_conflict_source(source);
    Ok(next)
}

pub(super) fn approved(current: &Deal, now: Timestamp) -> Result<Deal> {
    pipeline::require_open(current)?;
    let mut next = with_next_state(current, Command::Approve, now)?;
    next.approve_time = Some(now.proto());
    protection::protect(&mut next, now.plus_days(protection::DAYS), now);
    Ok(next)
}

pub(super) fn rejected(current: &Deal, code: ClosureCode, reason: &str, now: Timestamp) -> Result<Deal> {
    let mut next = with_next_state(current, Command::Reject, now)?;
    next.set_closure_code(code);
    next.closure_reason = reason.to_owned();
    Ok(next)
}

/// Returns the deal after a request for action. It does not stop the clock: the
/// due instant stays.
pub(super) fn action_required(current: &Deal, required_action: &str, now: Timestamp) -> Result<Deal> {
    pipeline::require_open(current)?;
    let mut next = with_next_state(current, Command::RequestAction, now)?;
    next.required_action = required_action.to_owned();
    next.decide_due_time = current.decide_due_time;
    Ok(next)
}

pub(super) fn withdrawn(current: &Deal, now: Timestamp) -> Result<Deal> {
    pipeline::require_open(current)?;
    let mut next = with_next_state(current, Command::Withdraw, now)?;
    next.withdraw_time = Some(now.proto());
    if protection::is_protected(&next, now) {
        next.protect_end_time = Some(now.proto());
    }
    Ok(next)
}

/// Returns the deal with its registration expired, and the instant at which
/// that was due; `None` if it is not due.
pub(super) fn expired(current: &Deal, now: Timestamp) -> Option<(Deal, Timestamp)> {
    let pending = is_pending(current.registration_state());
    let due = Timestamp::stored(current.decide_due_time.as_ref()).filter(|due| pending && *due <= now)?;
    let mut next = current.clone();
    expire(&mut next);
    Some((next, due))
}

/// Returns the deal with a past registration that a CRM reports: it was decided
/// there, is not protected and competes with no other. The deal must not have a
/// registration yet, but may be closed.
pub(crate) fn imported(current: &Deal, at: Timestamp, now: Timestamp) -> Result<Deal> {
    let mut next = with_next_state(current, Command::Import, now)?;
    next.submit_time = Some(at.proto());
    next.approve_time = Some(at.proto());
    Ok(next)
}

/// The product lines that each enrollment in force of a partner covers. An
/// enrollment that names none covers all.
#[derive(Debug, Default)]
pub(super) struct Authorized(pub(super) Vec<Vec<String>>);

/// Refuses a product line that no enrollment covers.
pub(super) fn check_authorized(deal: &Deal, authorized: &Authorized) -> Result<()> {
    if authorized.0.iter().any(|lines| lines.is_empty() || lines.contains(&deal.product_line)) {
        return Ok(());
    }
    let message = format!("partners/{} may not sell {}. Authorize the product line first.", names::last(&deal.partner), deal.product_line);
    Err(Error::precondition(ErrorReason::ProductLineNotAuthorized, message).with_field("deal.product_line", "is not authorized"))
}
