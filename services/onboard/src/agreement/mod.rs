//! Agreement: what governs an enrollment.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateAgreement |
//! | DRAFT | SENT | SendAgreement |
//! | SENT | PARTNER_SIGNED | SignAgreement |
//! | PARTNER_SIGNED | EFFECTIVE | CreateEnrollment |
//! | SENT | DECLINED | DeclineAgreement; CancelAgreement for the partner |
//! | DRAFT, SENT, PARTNER_SIGNED | VOIDED | CancelAgreement |
//! | EFFECTIVE | TERMINATED | TerminateEnrollment |
//! | EFFECTIVE | EXPIRED | its `expire_time`, with the enrollment |

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{Agreement, AgreementState as State, ErrorReason};

pub(crate) use operations::{end, record_effective, take_effect};

/// Why an agreement ended whose time was over.
pub(crate) const RAN_OUT: &str = "ran out";

/// What leads an agreement from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Send,
    Sign,
    TakeEffect,
    Decline,
    Void,
    Terminate,
    Expire,
}

impl Command {
    /// A row of the table above.
    const fn row(self) -> (&'static [State], State) {
        match self {
            Self::Send => (&[State::Draft], State::Sent),
            Self::Sign => (&[State::Sent], State::PartnerSigned),
            Self::TakeEffect => (&[State::PartnerSigned], State::Effective),
            Self::Decline => (&[State::Sent], State::Declined),
            Self::Void => (&[State::Draft, State::Sent, State::PartnerSigned], State::Voided),
            Self::Terminate => (&[State::Effective], State::Terminated),
            Self::Expire => (&[State::Effective], State::Expired),
        }
    }
}

/// A draft from what the caller sent.
fn new(id: &str, input: &Agreement, cx: &Cx) -> Result<Agreement> {
    check_dates(input)?;
    let mut agreement = Agreement {
        name: names::name("agreements", id),
        end_reason: String::new(),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    };
    agreement.set_state(State::Draft);
    Ok(agreement)
}

/// The agreement in its next state, or why it cannot get there.
fn moved(current: &Agreement, command: Command, cx: &Cx) -> Result<Agreement> {
    let (from, to) = command.row();
    if !from.contains(&current.state()) {
        let needs: Vec<&str> = from.iter().map(State::as_str_name).collect();
        return Err(Error::state(&current.name, current.state().as_str_name(), &needs.join(" or ")));
    }
    let mut next = current.clone();
    next.set_state(to);
    next.etag = etag::next(&current.etag);
    next.update_time = Some(cx.now.proto());
    Ok(next)
}

/// The agreement after a command that ends it, with the reason.
fn ended(current: &Agreement, command: Command, reason: &str, cx: &Cx) -> Result<Agreement> {
    let mut next = moved(current, command, cx)?;
    next.end_reason = reason.to_owned();
    Ok(next)
}

fn check_dates(agreement: &Agreement) -> Result<()> {
    let read = |field, time: &Option<_>| time.as_ref().map(|t| Timestamp::from_proto(field, t)).transpose();
    let start = read("agreement.effective_time", &agreement.effective_time)?;
    let end = read("agreement.expire_time", &agreement.expire_time)?;
    match (start, end) {
        (Some(start), Some(end)) if end <= start => Err(Error::invalid("agreement.expire_time", "must lie after effective_time")
            .with_reason(ErrorReason::AgreementDatesInvalid.as_str_name())),
        _ => Ok(()),
    }
}

/// Since when an agreement would be in force if it took effect now: it is
/// signed, has begun and has not run out.
///
/// # Errors
/// FAILED_PRECONDITION `AGREEMENT_NOT_SIGNED`, `TIME_IN_FUTURE`,
/// `AGREEMENT_DATES_INVALID`.
pub(crate) fn start(agreement: &Agreement, cx: &Cx) -> Result<Timestamp> {
    let name = &agreement.name;
    if agreement.state() != State::PartnerSigned {
        let message = format!("{name} is {}; send it and record the signature first", agreement.state().as_str_name());
        return Err(Error::precondition(ErrorReason::AgreementNotSigned.as_str_name(), message).with_field("agreement", "is not signed"));
    }
    let from = Timestamp::stored(agreement.effective_time.as_ref()).unwrap_or(cx.now);
    if from > cx.now {
        let message = format!("{name} takes effect at {from}; enroll then, or draft one that takes effect earlier");
        return Err(Error::precondition("TIME_IN_FUTURE", message).with_field("agreement", "takes effect in the future"));
    }
    if let Some(end) = Timestamp::stored(agreement.expire_time.as_ref()).filter(|end| *end <= cx.now) {
        let message = format!("{name} ran out at {end}; draft another one");
        return Err(Error::precondition(ErrorReason::AgreementDatesInvalid.as_str_name(), message).with_field("agreement", "has run out"));
    }
    Ok(from)
}

/// The agreement in force with a partner.
fn effective(current: &Agreement, partner: &str, cx: &Cx) -> Result<Agreement> {
    let from = start(current, cx)?;
    let mut next = moved(current, Command::TakeEffect, cx)?;
    next.partner = partner.to_owned();
    next.effective_time = Some(from.proto());
    check_dates(&next)?;
    Ok(next)
}

/// The agreement as it is at an instant: one that has run out is EXPIRED,
/// whether that was recorded yet or not.
fn judged(mut agreement: Agreement, now: Timestamp) -> Agreement {
    let over = Timestamp::stored(agreement.expire_time.as_ref()).is_some_and(|end| end <= now);
    if over && agreement.state() == State::Effective {
        agreement.set_state(State::Expired);
        agreement.end_reason = RAN_OUT.to_owned();
    }
    agreement
}

#[cfg(test)]
mod tests;
