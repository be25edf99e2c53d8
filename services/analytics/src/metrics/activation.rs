//! Metric 17: 90-day activation of partners first enrolled in the window.

use stoa_kernel::time::DAY_MICROS;
use stoa_proto::analytics::v1::Activation;

use super::{Question, days_before, filter::View, membership, ratio};
use crate::{column::span::Cut, definition::Definition, frame::Frame};

/// A partner's first enrollment, with the partner's attributes at that time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstEnrollment {
    pub(crate) at: i64,
    pub(crate) view: View,
}

/// Returns the first enrollment of a partner before the cut.
pub(crate) fn first_enrollment(frame: &Frame, partner: u32, cut: Cut) -> Option<FirstEnrollment> {
    let held = frame.facts.enrollments.row(partner).iter().filter(|f| f.span.holds(cut) && f.value.effective < cut.as_of);
    let first = &held.min_by_key(|f| membership::key(frame, &f.value))?.value;
    let then = Cut { as_of: first.effective.saturating_add(1), known_at: cut.known_at };
    let attributes = frame.attributes_at(partner, then);
    let view = View {
        kind: attributes.map_or(0, |a| a.kind),
        territory: attributes.map_or(0, |a| a.territory),
        vertical: attributes.map_or(0, |a| a.vertical),
        program: first.program,
        tier: first.first_tier,
    };
    Some(FirstEnrollment { at: first.effective, view })
}

/// Status of an organization in the activation cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Enrolled before the window.
    Outside,
    /// The activation days have not passed yet.
    Immature,
    /// The activation days have passed. True if it was activated in time.
    Matured(bool),
}

/// Returns the outcome of an enrollment.
pub(crate) fn outcome(at: i64, first_activity: Option<i64>, question: &Question, definition: &Definition) -> Outcome {
    let due = at.saturating_add(definition.activation_days.saturating_mul(DAY_MICROS));
    if at < days_before(question.cut.as_of, question.window_days) {
        Outcome::Outside
    } else if due >= question.cut.as_of {
        Outcome::Immature
    } else {
        Outcome::Matured(first_activity.is_some_and(|first| first <= due))
    }
}

/// Counts the cohort.
pub(crate) fn activation(outcomes: impl Iterator<Item = Outcome>) -> Activation {
    let (mut activated, mut matured, mut immature_count) = (0, 0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Outside => {}
            Outcome::Immature => immature_count += 1,
            Outcome::Matured(in_time) => {
                matured += 1;
                activated += i64::from(in_time);
            }
        }
    }
    Activation { ratio: Some(ratio(activated, matured)), immature_count }
}
