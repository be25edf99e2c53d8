//! Certification award: a person holds a certification.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | EARNED | AwardCertification |
//! | EARNED | VALID | its `earn_time`: what was earned is valid at once |
//! | VALID | EXPIRED | its `expire_time`, recorded by a sweep |
//! | VALID at `revoke_time` | REVOKED | RevokeCertificationAward |
//!
//! A person holds a certification once at a time, for whichever partner: who
//! leaves takes it along, and is awarded it anew there when it was revoked here.
//! That the person works for the partner is the vendor's statement.
//!
//! The state is judged by the instant ([`judged`]). Rows and events keep the
//! last recorded fact: EARNED, EXPIRED or REVOKED. The machine is no table of
//! commands: revoking asks what the award was at `revoke_time`, not what is
//! recorded.

mod api;
mod lookup;
mod operations;
pub(crate) mod store;
mod sweep;

use stoa_kernel::{Error, Result, Timestamp, names};
use stoa_proto::enable::v1::{AwardCertificationRequest, Certification, CertificationAward, CertificationAwardState as State};

pub(crate) use sweep::expire_job;

/// A new award, valid from the instant it was earned.
fn earned(id: &str, request: &AwardCertificationRequest, partner: &str, of: &Certification, at: Timestamp) -> CertificationAward {
    CertificationAward {
        name: names::name("certificationAwards", id),
        certification: of.name.clone(),
        product_line: of.product_line.clone(),
        partner: partner.to_owned(),
        person: request.person.clone(),
        state: State::Earned as i32,
        earn_time: Some(at.proto()),
        expire_time: Some(at.plus_days(i64::from(of.validity_days)).proto()),
        ..CertificationAward::default()
    }
}

/// The state at an instant.
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
fn hold_at_once(a: &CertificationAward, b: &CertificationAward) -> bool {
    let span = |award: &CertificationAward| {
        let expires = Timestamp::stored(award.expire_time.as_ref()).unwrap_or_default();
        let ends = Timestamp::stored(award.revoke_time.as_ref()).map_or(expires, |revoked| revoked.min(expires));
        (Timestamp::stored(award.earn_time.as_ref()).unwrap_or_default(), ends)
    };
    let ((from_a, to_a), (from_b, to_b)) = (span(a), span(b));
    from_a.max(from_b) < to_a.min(to_b)
}

/// The award as it is to be shown at an instant.
fn judged(mut award: CertificationAward, at: Timestamp) -> CertificationAward {
    let state = state_at(&award, at);
    award.set_state(state);
    award
}

/// When the sweep records that the award ran out; nothing if it did, or was
/// revoked.
fn due_time(award: &CertificationAward) -> Option<Timestamp> {
    Timestamp::stored(award.expire_time.as_ref()).filter(|_| award.state() == State::Earned)
}

/// Takes an award back as of an instant at which it was valid, whether or not
/// its end was recorded meanwhile.
fn revoked(current: &CertificationAward, reason: &str, at: Timestamp) -> Result<CertificationAward> {
    let state = if current.revoke_time.is_some() { State::Revoked } else { state_at(current, at) };
    match state {
        State::Valid => {}
        State::Unspecified => return Err(Error::invalid("revoke_time", "must not lie before the award's earn_time")),
        other => return Err(Error::state(&current.name, other.as_str_name(), State::Valid.as_str_name())),
    }
    let mut next = current.clone();
    next.set_state(State::Revoked);
    next.revoke_time = Some(at.proto());
    next.revoke_reason = reason.to_owned();
    Ok(next)
}

/// The award whose end is recorded.
fn expired(current: &CertificationAward) -> CertificationAward {
    let mut next = current.clone();
    next.set_state(State::Expired);
    next
}

#[cfg(test)]
mod tests;
