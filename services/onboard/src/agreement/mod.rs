//! Agreement: what governs an enrollment.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateAgreement |
//! | (none) | EFFECTIVE | BulkEnroll: it was signed elsewhere |
//! | DRAFT | SENT | SendAgreement |
//! | SENT | PARTNER_SIGNED | SignAgreement |
//! | PARTNER_SIGNED | EFFECTIVE | CreateEnrollment |
//! | SENT | DECLINED | DeclineAgreement; CancelAgreement for the partner |
//! | DRAFT, SENT, PARTNER_SIGNED | VOIDED | CancelAgreement |
//! | EFFECTIVE | TERMINATED | TerminateEnrollment |
//! | EFFECTIVE | EXPIRED | its `expire_time`, recorded with the enrollment |
//!
//! An agreement expires at its `expire_time`. Reads show it as EXPIRED from
//! then on ([`as_of`]), whether or not that has been recorded.

mod api;
mod operations;
pub(crate) mod store;

use State::{Declined, Draft, Effective, Expired, PartnerSigned, Sent, Terminated, Voided};
use stoa_kernel::{
    Error, Result, Timestamp,
    machine::{self, Transition},
    names,
};
use stoa_proto::common::v1::ErrorReason as Common;
use stoa_proto::onboard::v1::{Agreement, AgreementState as State, ErrorReason};

pub(crate) use operations::{end, record_effective, take_effect};

/// End reason of an agreement that expired.
pub(crate) const EXPIRED_REASON: &str = "ran out";

/// A command that moves an agreement from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Create,
    RecordEffective,
    Send,
    Sign,
    TakeEffect,
    Decline,
    Void,
    Terminate,
    Expire,
}

const TABLE: &[Transition<Command, State>] = &[
    Transition { command: Command::Create, from: &[], to: Draft, by: "CreateAgreement" },
    Transition { command: Command::RecordEffective, from: &[], to: Effective, by: "BulkEnroll: it was signed elsewhere" },
    Transition { command: Command::Send, from: &[Draft], to: Sent, by: "SendAgreement" },
    Transition { command: Command::Sign, from: &[Sent], to: PartnerSigned, by: "SignAgreement" },
    Transition { command: Command::TakeEffect, from: &[PartnerSigned], to: Effective, by: "CreateEnrollment" },
    Transition { command: Command::Decline, from: &[Sent], to: Declined, by: "DeclineAgreement; CancelAgreement for the partner" },
    Transition { command: Command::Void, from: &[Draft, Sent, PartnerSigned], to: Voided, by: "CancelAgreement" },
    Transition { command: Command::Terminate, from: &[Effective], to: Terminated, by: "TerminateEnrollment" },
    Transition { command: Command::Expire, from: &[Effective], to: Expired, by: "its `expire_time`, recorded with the enrollment" },
];

/// Creates a draft from the caller's input.
fn new(id: &str, input: &Agreement) -> Result<Agreement> {
    check_dates(input)?;
    Ok(Agreement { name: names::name("agreements", id), state: Draft as i32, ..input.clone() })
}

/// Returns the agreement in its next state, or an error if the command does not
/// apply.
fn with_next_state(current: &Agreement, command: Command) -> Result<Agreement> {
    let state = machine::next(TABLE, &current.name, current.state(), command)?;
    Ok(Agreement { state: state as i32, ..current.clone() })
}

/// Returns the agreement after a command that ends it, with the reason.
fn ended_by(current: &Agreement, command: Command, reason: &str) -> Result<Agreement> {
    Ok(Agreement { end_reason: reason.to_owned(), ..with_next_state(current, command)? })
}

fn check_dates(agreement: &Agreement) -> Result<()> {
    let read = |field, time: &Option<_>| time.as_ref().map(|t| Timestamp::from_proto(field, t)).transpose();
    let start = read("agreement.effective_time", &agreement.effective_time)?;
    let end = read("agreement.expire_time", &agreement.expire_time)?;
    match (start, end) {
        (Some(start), Some(end)) if end <= start => {
            Err(Error::invalid("agreement.expire_time", "must be after effective_time").with_reason(ErrorReason::AgreementDatesInvalid))
        }
        _ => Ok(()),
    }
}

/// Returns since when the agreement would be in force if it took effect now. It
/// must be signed, have begun and not have expired.
///
/// # Errors
/// FAILED_PRECONDITION `AGREEMENT_NOT_SIGNED`, `TIME_IN_FUTURE`,
/// `AGREEMENT_DATES_INVALID`.
pub(crate) fn start(agreement: &Agreement, now: Timestamp) -> Result<Timestamp> {
    let name = &agreement.name;
    if agreement.state() != PartnerSigned {
        let message = format!("{name} is {}. Send it and record the signature first.", agreement.state().as_str_name());
        return Err(Error::precondition(ErrorReason::AgreementNotSigned, message).with_field("agreement", "is not signed"));
    }
    let from = Timestamp::stored(agreement.effective_time.as_ref()).unwrap_or(now);
    if from > now {
        let message = format!("{name} takes effect at {from}. Enroll then, or draft an agreement that takes effect earlier.");
        return Err(Error::precondition(Common::TimeInFuture, message).with_field("agreement", "takes effect in the future"));
    }
    if let Some(end) = Timestamp::stored(agreement.expire_time.as_ref()).filter(|end| *end <= now) {
        let message = format!("{name} expired at {end}. Draft a new one.");
        return Err(Error::precondition(ErrorReason::AgreementDatesInvalid, message).with_field("agreement", "has expired"));
    }
    Ok(from)
}

/// Returns a signed agreement, put into force with a partner.
fn effective(current: &Agreement, partner: &str, now: Timestamp) -> Result<Agreement> {
    let from = start(current, now)?;
    let mut next = with_next_state(current, Command::TakeEffect)?;
    next.partner = partner.to_owned();
    next.effective_time = Some(from.proto());
    check_dates(&next)?;
    Ok(next)
}

/// Returns the agreement as of an instant: an effective one past its
/// `expire_time` is EXPIRED, whether or not that has been recorded.
fn as_of(mut agreement: Agreement, now: Timestamp) -> Agreement {
    let over = Timestamp::stored(agreement.expire_time.as_ref()).is_some_and(|end| end <= now);
    if over && agreement.state() == Effective {
        agreement.set_state(Expired);
        agreement.end_reason = EXPIRED_REASON.to_owned();
    }
    agreement
}

#[cfg(test)]
mod tests;
