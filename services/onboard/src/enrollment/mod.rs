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
//! The instant decides about a lapse. A sweep records it; a command that comes
//! first records it before it does anything else, and reads judge by the
//! instant whether it was recorded or not.

mod api;
pub(crate) mod bulk;
mod enroll;
mod lapse;
mod operations;
pub(crate) mod store;
mod suspension;

use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{Agreement, Enrollment, EnrollmentStatus as Status, TierCause};

pub(crate) use lapse::{hold, lapse_job, settle};
pub(crate) use suspension::suspension;

/// What leads an enrollment from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Suspend,
    Reactivate,
    Terminate,
    Lapse,
}

impl Command {
    /// A row of the table above.
    const fn row(self) -> (&'static [Status], Status) {
        match self {
            Self::Suspend => (&[Status::Enrolled], Status::Suspended),
            Self::Reactivate => (&[Status::Suspended], Status::Enrolled),
            Self::Terminate => (&[Status::Enrolled, Status::Suspended], Status::Terminated),
            Self::Lapse => (&[Status::Enrolled, Status::Suspended], Status::Lapsed),
        }
    }
}

/// Enrolled or suspended: counts as a member of the network.
fn is_live(status: Status) -> bool {
    matches!(status, Status::Enrolled | Status::Suspended)
}

/// The enrollment that an agreement in force stands for.
fn new(id: &str, agreement: &Agreement, tier: String, product_lines: Vec<String>, cx: &Cx) -> Enrollment {
    let from = Timestamp::stored(agreement.effective_time.as_ref()).unwrap_or(cx.now);
    Enrollment {
        name: names::name("enrollments", id),
        partner: agreement.partner.clone(),
        program: agreement.program.clone(),
        tier,
        tier_cause: TierCause::Evaluation as i32,
        tier_time: Some(from.proto()),
        status: Status::Enrolled as i32,
        agreement: agreement.name.clone(),
        prospect: agreement.prospect.clone(),
        effective_time: Some(from.proto()),
        end_time: agreement.expire_time,
        portal_access_time: Some(from.max(cx.now).proto()),
        product_lines: distinct(&product_lines),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..Default::default()
    }
}

/// The enrollment in its next status, or why it cannot get there.
fn moved(current: &Enrollment, command: Command, cx: &Cx) -> Result<Enrollment> {
    let (from, to) = command.row();
    if !from.contains(&current.status()) {
        let needs: Vec<&str> = from.iter().map(Status::as_str_name).collect();
        return Err(Error::state(&current.name, current.status().as_str_name(), &needs.join(" or ")));
    }
    let mut next = current.clone();
    next.set_status(to);
    Ok(revised(next, cx))
}

/// When an enrollment lapsed, where it did by an instant.
fn lapse_time(enrollment: &Enrollment, now: Timestamp) -> Option<Timestamp> {
    Timestamp::stored(enrollment.end_time.as_ref()).filter(|end| is_live(enrollment.status()) && *end <= now)
}

/// The enrollment as it is at an instant: one that is over is LAPSED, whether
/// that was recorded yet or not.
fn judged(mut enrollment: Enrollment, now: Timestamp) -> Enrollment {
    if lapse_time(&enrollment, now).is_some() {
        enrollment.set_status(Status::Lapsed);
    }
    enrollment
}

fn check_live(enrollment: &Enrollment) -> Result<()> {
    if is_live(enrollment.status()) {
        return Ok(());
    }
    Err(Error::state(&enrollment.name, enrollment.status().as_str_name(), "an enrollment that has not ended"))
}

/// The enrollment with a tier pinned; nothing where it is pinned already. The
/// tier that it has anyway holds since it got it.
fn tier_pinned(current: &Enrollment, tier: &str, reason: &str, cx: &Cx) -> Result<Option<Enrollment>> {
    check_live(current)?;
    let same = current.tier == tier;
    if same && current.tier_cause() == TierCause::Pin {
        return Ok(None);
    }
    let mut next = current.clone();
    next.tier = tier.to_owned();
    next.set_tier_cause(TierCause::Pin);
    next.reason = reason.to_owned();
    if !same {
        next.tier_time = Some(cx.now.proto());
    }
    Ok(Some(revised(next, cx)))
}

/// The enrollment for these product lines; nothing where it has them already.
fn authorized(current: &Enrollment, product_lines: &[String], cx: &Cx) -> Result<Option<Enrollment>> {
    check_live(current)?;
    let product_lines = distinct(product_lines);
    if product_lines == current.product_lines {
        return Ok(None);
    }
    Ok(Some(revised(Enrollment { product_lines, ..current.clone() }, cx)))
}

/// Names in their order, each once.
fn distinct(names: &[String]) -> Vec<String> {
    names.iter().enumerate().filter(|(i, name)| !names[..*i].contains(name)).map(|(_, name)| name.clone()).collect()
}

fn revised(mut enrollment: Enrollment, cx: &Cx) -> Enrollment {
    enrollment.etag = etag::next(&enrollment.etag);
    enrollment.update_time = Some(cx.now.proto());
    enrollment
}

#[cfg(test)]
mod tests;
