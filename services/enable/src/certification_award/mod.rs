//! Certification award: the fact that a person holds a certification.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | EARNED | AwardCertification |
//! | EARNED | VALID | its `earn_time`: what was earned is valid at once |
//! | VALID | EXPIRED | its `expire_time`, recorded by a sweep |
//! | VALID at `revoke_time` | REVOKED | RevokeCertificationAward |
//!
//! A person holds a certification once at a time, for whichever partner. People
//! who change partners take it along: once it is revoked at the old partner, it
//! is awarded again at the new one. That the person works for the partner is the
//! vendor's statement.
//!
//! Reads derive the state from the instant ([`as_of`]). Rows and events keep
//! the last recorded state: EARNED, EXPIRED or REVOKED. There is no table of
//! commands, because revoking depends on the state at `revoke_time`, not on the
//! recorded state.

mod api;
mod lookup;
mod operations;
pub(crate) mod store;
mod sweep;

use stoa_kernel::{Error, Result, Timestamp, names};
use stoa_proto::enable::v1::{AwardCertificationRequest, Certification, CertificationAward, CertificationAwardState as State};

pub(crate) use sweep::expire_job;

/// Creates an award, valid from the instant it was earned.
fn earned(
    id: &str,
    request: &AwardCertificationRequest,
    partner: &str,
    certification: &Certification,
    at: Timestamp,
) -> CertificationAward {
    CertificationAward {
        name: names::name("certificationAwards", id),
        certification: certification.name.clone(),
        product_line: certification.product_line.clone(),
        partner: partner.to_owned(),
        person: request.person.clone(),
        state: State::Earned as i32,
        earn_time: Some(at.proto()),
        expire_time: Some(at.plus_days(i64::from(certification.validity_days)).proto()),
        ..CertificationAward::default()
    }
}

/// Returns the state of an award at an instant.
fn state_at(award: &CertificationAward, at: Timestamp) -> State {
    let reached = |time: &Option<prost_types::Timestamp>| Timestamp::stored(time.as_ref()).is_some_and(|t| t <= at);
    match () {
        () if reached(&award.revoke_time) => State::Revoked,
        () if reached(&award.expire_time) => State::Expired,
        () if reached(&award.earn_time) => State::Valid,
        () => State::Unspecified,
    }
}

/// Whether there is an instant at which two awards are both valid.
fn overlap(a: &CertificationAward, b: &CertificationAward) -> bool {
    let span = |award: &CertificationAward| {
        let expires = Timestamp::stored(award.expire_time.as_ref()).unwrap_or_default();
        let ends = Timestamp::stored(award.revoke_time.as_ref()).map_or(expires, |revoked| revoked.min(expires));
        (Timestamp::stored(award.earn_time.as_ref()).unwrap_or_default(), ends)
    };
    let ((from_a, to_a), (from_b, to_b)) = (span(a), span(b));
    from_a.max(from_b) < to_a.min(to_b)
}

/// Returns the award with its state as of an instant.
fn as_of(mut award: CertificationAward, at: Timestamp) -> CertificationAward {
    let state = state_at(&award, at);
    award.set_state(state);
    award
}

/// Returns when the sweep has to record the expiry; `None` if that is recorded
/// or the award was revoked.
fn due_time(award: &CertificationAward) -> Option<Timestamp> {
    Timestamp::stored(award.expire_time.as_ref()).filter(|_| award.state() == State::Earned)
}

/// Revokes an award as of an instant at which it was valid, whether or not its
/// expiry has been recorded since.
fn revoked(current: &CertificationAward, reason: &str, at: Timestamp) -> Result<CertificationAward> {
    let state = if current.revoke_time.is_some() { State::Revoked } else { state_at(current, at) };
    match state {
        State::Valid => {}
        State::Unspecified => return Err(Error::invalid("revoke_time", "must not be before the award's earn_time")),
        other => return Err(Error::state(&current.name, other.as_str_name(), State::Valid.as_str_name())),
    }
    let mut next = current.clone();
    next.set_state(State::Revoked);
    next.revoke_time = Some(at.proto());
    next.revoke_reason = reason.to_owned();
    Ok(next)
}

/// Returns the award with its expiry recorded.
fn expired(current: &CertificationAward) -> CertificationAward {
    let mut next = current.clone();
    next.set_state(State::Expired);
    next
}

#[cfg(test)]
mod tests;
