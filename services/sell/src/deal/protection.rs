//! Protection: a date beside the state. Rules compare with the date, not with a
//! flag that a sweep would set.

use stoa_kernel::{Error, Result, Timestamp};
use stoa_proto::sell::v1::{Deal, ErrorReason, RegistrationState as State};

use super::pipeline;

/// Days for which an approved deal is protected.
pub(super) const DAYS: i64 = 90;

/// Maximum number of extensions of a deal.
const EXTENSIONS_MAX: i32 = 2;

/// Days before the end of protection at which the partner is reminded.
const REMINDERS: [i32; 3] = [14, 7, 1];

fn end(deal: &Deal) -> Option<Timestamp> {
    Timestamp::stored(deal.protect_end_time.as_ref())
}

/// Whether the deal is protected at an instant. At the end itself it no longer is.
pub(crate) fn is_protected(deal: &Deal, now: Timestamp) -> bool {
    end(deal).is_some_and(|end| now < end)
}

/// Protects a deal until an instant. Reminders that would be in the past are skipped.
pub(super) fn protect(deal: &mut Deal, until: Timestamp, now: Timestamp) {
    deal.protect_end_time = Some(until.proto());
    let passed = REMINDERS.into_iter().filter(|days| until.plus_days(-i64::from(*days)) <= now);
    deal.reminded_days = passed.min().unwrap_or_default();
}

/// Returns the deal with its protection extended, from its end or, if it has
/// ended, from now.
pub(super) fn extended(current: &Deal, days: i32, now: Timestamp) -> Result<Deal> {
    pipeline::require_open(current)?;
    let state = current.registration_state();
    let Some(end) = end(current).filter(|_| state == State::Approved) else {
        return Err(Error::state(&current.name, state.as_str_name(), "a registration that was approved and protected here"));
    };
    if current.extension_count >= EXTENSIONS_MAX {
        let message = format!("{} was already extended {EXTENSIONS_MAX} times. It cannot be extended again.", current.name);
        return Err(Error::precondition(ErrorReason::ExtensionLimitReached, message));
    }
    let mut next = current.clone();
    next.extension_count += 1;
    protect(&mut next, end.max(now).plus_days(i64::from(days)), now);
    Ok(next)
}

/// Returns the next reminder, in days before the end, and when it is due;
/// `None` if none is left.
pub(super) fn next_reminder(deal: &Deal) -> Option<(i32, Timestamp)> {
    if deal.imported || deal.registration_state() != State::Approved || !pipeline::is_open(deal) {
        return None;
    }
    let end = end(deal)?;
    let days = REMINDERS.into_iter().find(|days| deal.reminded_days == 0 || *days < deal.reminded_days)?;
    Some((days, end.plus_days(-i64::from(days))))
}

/// Returns the deal after a reminder.
pub(super) fn reminded(current: &Deal, days: i32) -> Deal {
    Deal { reminded_days: days, ..current.clone() }
}
