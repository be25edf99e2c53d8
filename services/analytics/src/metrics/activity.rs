//! Metrics 2 and 3: commercial activity and engagement.

use crate::{
    column::span::{Cut, Fact},
    definition::Definition,
    fact::activity::{Activity, ActivityKind},
    frame::Frame,
    metrics::days_before,
};

/// Returns the last commercial activity before the cut.
pub(crate) fn last(frame: &Frame, partner: u32, cut: Cut) -> Option<i64> {
    before(frame.facts.activities.row(partner), cut).rev().find(|f| f.span.holds(cut)).map(|f| f.value.at)
}

/// Returns the last activity of one kind before the cut.
pub(crate) fn last_of(frame: &Frame, partner: u32, kind: ActivityKind, cut: Cut) -> Option<i64> {
    before(frame.facts.activities.row(partner), cut).rev().find(|f| f.value.kind == kind && f.span.holds(cut)).map(|f| f.value.at)
}

/// Returns the first commercial activity before the cut.
pub(crate) fn first(frame: &Frame, partner: u32, cut: Cut) -> Option<i64> {
    before(frame.facts.activities.row(partner), cut).find(|f| f.span.holds(cut)).map(|f| f.value.at)
}

/// Number of activities, of one kind or of both, within the days that make a
/// partner active.
pub(crate) fn recent(frame: &Frame, partner: u32, kind: Option<ActivityKind>, definition: &Definition, cut: Cut) -> usize {
    let start = days_before(cut.as_of, definition.active_days);
    let counts = |f: &&Fact<Activity>| kind.is_none_or(|k| k == f.value.kind) && f.span.holds(cut);
    before(frame.facts.activities.row(partner), cut).rev().take_while(|f| f.value.at >= start).filter(counts).count()
}

/// Whether the last activity makes a partner active.
pub(crate) fn is_recent(last: Option<i64>, definition: &Definition, cut: Cut) -> bool {
    last.is_some_and(|at| at >= days_before(cut.as_of, definition.active_days))
}

/// Returns the last completed training before the cut.
pub(crate) fn last_training(frame: &Frame, partner: u32, cut: Cut) -> Option<i64> {
    frame.facts.trainings.row(partner).iter().rev().find(|f| f.value < cut.as_of && f.span.holds(cut)).map(|f| f.value)
}

/// Whether a completed training makes the partner engaged.
pub(crate) fn is_engaged(frame: &Frame, partner: u32, definition: &Definition, cut: Cut) -> bool {
    last_training(frame, partner, cut).is_some_and(|at| at >= days_before(cut.as_of, definition.engaged_days))
}

/// Activities before the cut, in chronological order.
fn before(row: &[Fact<Activity>], cut: Cut) -> std::slice::Iter<'_, Fact<Activity>> {
    row.get(..row.partition_point(|f| f.value.at < cut.as_of)).unwrap_or_default().iter()
}
