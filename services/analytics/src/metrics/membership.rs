//! Metric 1: which partners are enrolled, and in which program and tier.

use stoa_proto::onboard::v1::EnrollmentStatus;

use crate::{column::span::Cut, fact::enrollment::Enrollment, frame::Frame};

/// A partner in one program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) program: u32,
    pub(crate) tier: u32,
    /// Enrolled or suspended at the cut. Otherwise the partner has left or was never
    /// enrolled.
    pub(crate) enrolled: bool,
    pub(crate) suspended: bool,
    /// List of product lines. Empty means all.
    pub(crate) lines: u32,
}

/// Adds the memberships of a partner at a cut: its enrollments in force. If there
/// are none, adds the one among the others that started last. If there are no
/// enrollments at all, adds an empty membership.
pub(crate) fn memberships(frame: &Frame, partner: u32, cut: Cut, out: &mut Vec<Membership>) {
    let before = out.len();
    let mut ended: Option<&Enrollment> = None;
    for fact in frame.facts.enrollments.row(partner).iter().filter(|f| f.span.holds(cut) && f.value.effective < cut.as_of) {
        let e = &fact.value;
        if in_force(e, cut) {
            out.push(membership(e, true));
        } else if ended.is_none_or(|other| key(frame, other) < key(frame, e)) {
            ended = Some(e);
        }
    }
    if out.len() == before {
        out.push(ended.map(|e| membership(e, false)).unwrap_or_default());
    }
}

/// Whether the status is enrolled or suspended and the end has not passed. The end
/// counts from its instant on, whether or not it has been recorded.
pub(crate) fn in_force(e: &Enrollment, cut: Cut) -> bool {
    let live = e.status == EnrollmentStatus::Enrolled as i32 || e.status == EnrollmentStatus::Suspended as i32;
    live && cut.as_of <= e.end
}

/// Orders enrollments by start and then by name. The numbers of texts would depend
/// on the order of arrival.
pub(crate) fn key<'a>(frame: &'a Frame, e: &Enrollment) -> (i64, &'a str) {
    (e.effective, frame.texts.get(e.enrollment))
}

fn membership(e: &Enrollment, enrolled: bool) -> Membership {
    let suspended = enrolled && e.status == EnrollmentStatus::Suspended as i32;
    Membership { program: e.program, tier: e.tier, enrolled, suspended, lines: e.lines }
}
