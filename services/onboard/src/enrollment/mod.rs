//! Enrollment: partner × program.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | ENROLLED | CreateEnrollment, BulkEnroll |
//! | ENROLLED | SUSPENDED | SuspendEnrollment |
//! | SUSPENDED | ENROLLED | ReactivateEnrollment |
//! | ENROLLED, SUSPENDED | TERMINATED | TerminateEnrollment |
//! | ENROLLED, SUSPENDED | LAPSED | its `end_time`, the end of its agreement |
//!
//! An enrollment lapses at its `end_time`. A sweep records that, or a command
//! that comes earlier, before it does anything else. Reads show the enrollment
//! as LAPSED from then on ([`as_of`]), whether or not that has been recorded.

mod api;
pub(crate) mod bulk;
mod bulk_group;
mod enroll;
mod lapse;
mod operations;
pub(crate) mod store;
mod suspension;
mod visibility;

use Status::{Enrolled, Lapsed, Suspended, Terminated};
use stoa_kernel::{
    Error, Result, Timestamp,
    machine::{self, Transition},
    names,
};
use stoa_proto::onboard::v1::{Agreement, Enrollment, EnrollmentStatus as Status, TierCause};

pub(crate) use lapse::{lapse_job, lock_recorded, settle};
pub(crate) use suspension::suspension;
pub(crate) use visibility::{refresh_visibility, viewers};

/// A command that moves an enrollment from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Enroll,
    Suspend,
    Reactivate,
    Terminate,
    Lapse,
}

const TABLE: &[Transition<Command, Status>] = &[
    Transition { command: Command::Enroll, from: &[], to: Enrolled, by: "CreateEnrollment, BulkEnroll" },
    Transition { command: Command::Suspend, from: &[Enrolled], to: Suspended, by: "SuspendEnrollment" },
    Transition { command: Command::Reactivate, from: &[Suspended], to: Enrolled, by: "ReactivateEnrollment" },
    Transition { command: Command::Terminate, from: &[Enrolled, Suspended], to: Terminated, by: "TerminateEnrollment" },
    Transition { command: Command::Lapse, from: &[Enrolled, Suspended], to: Lapsed, by: "its `end_time`, the end of its agreement" },
];

/// Whether an enrollment in this status counts as a membership of the network.
fn is_live(status: Status) -> bool {
    matches!(status, Enrolled | Suspended)
}

/// Creates the enrollment under an agreement in force.
fn new(id: &str, agreement: &Agreement, tier: String, product_lines: &[String], now: Timestamp) -> Enrollment {
    let from = Timestamp::stored(agreement.effective_time.as_ref()).unwrap_or(now);
    Enrollment {
        name: names::name("enrollments", id),
        partner: agreement.partner.clone(),
        program: agreement.program.clone(),
        tier,
        tier_cause: TierCause::Evaluation as i32,
        tier_time: Some(from.proto()),
        status: Enrolled as i32,
        agreement: agreement.name.clone(),
        prospect: agreement.prospect.clone(),
        effective_time: Some(from.proto()),
        end_time: agreement.expire_time,
        portal_access_time: Some(from.max(now).proto()),
        product_lines: distinct(product_lines),
        ..Enrollment::default()
    }
}

/// Returns the enrollment in its next status, or an error if the command does
/// not apply.
fn with_next_status(current: &Enrollment, command: Command) -> Result<Enrollment> {
    let status = machine::next(TABLE, &current.name, current.status(), command)?;
    Ok(Enrollment { status: status as i32, ..current.clone() })
}

/// Returns when an enrollment recorded as live lapsed, if it has by `now`.
pub(crate) fn lapse_time(enrollment: &Enrollment, now: Timestamp) -> Option<Timestamp> {
    Timestamp::stored(enrollment.end_time.as_ref()).filter(|end| is_live(enrollment.status()) && *end <= now)
}

/// Returns the enrollment as of an instant: a live one past its `end_time` is
/// LAPSED, whether or not that has been recorded.
fn as_of(mut enrollment: Enrollment, now: Timestamp) -> Enrollment {
    if lapse_time(&enrollment, now).is_some() {
        enrollment.set_status(Lapsed);
    }
    enrollment
}

fn check_live(enrollment: &Enrollment) -> Result<()> {
    if is_live(enrollment.status()) {
        return Ok(());
    }
    Err(Error::state(&enrollment.name, enrollment.status().as_str_name(), "an enrollment that has not ended"))
}

/// Returns the enrollment with a tier pinned, unchanged if it is pinned
/// already. Pinning the tier that the enrollment has keeps its `tier_time`.
fn tier_pinned(current: &Enrollment, tier: &str, reason: &str, now: Timestamp) -> Result<Enrollment> {
    check_live(current)?;
    let mut next = current.clone();
    if current.tier == tier && current.tier_cause() == TierCause::Pin {
        return Ok(next);
    }
    if current.tier != tier {
        next.tier_time = Some(now.proto());
    }
    next.tier = tier.to_owned();
    next.set_tier_cause(TierCause::Pin);
    next.reason = reason.to_owned();
    Ok(next)
}

/// Returns the enrollment, authorized for these product lines.
fn authorized(current: &Enrollment, product_lines: &[String]) -> Result<Enrollment> {
    check_live(current)?;
    Ok(Enrollment { product_lines: distinct(product_lines), ..current.clone() })
}

/// Returns the names in their order, without duplicates.
fn distinct(names: &[String]) -> Vec<String> {
    names.iter().enumerate().filter(|(i, name)| !names[..*i].contains(name)).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests;
