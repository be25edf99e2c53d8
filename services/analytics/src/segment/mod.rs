//! Network stage and investment segment, with reasons.
//!
//! | stage | asks for | segment |
//! | --- | --- | --- |
//! | strategic | a designation with sponsor and business plan in force, and active | strategic |
//! | high-performing | active; revenue at the top tier's threshold; certified; a campaign | high-performing |
//! | active standard | active | active standard |
//! | enrolled-inactive | enrolled | activation-focus |
//!
//! Partners cannot be designated as strategic yet, so that condition is shown as
//! missing. *Certified* means a valid certification for every product line that
//! the enrollment is authorized for. If it is authorized for all lines, one valid
//! certification for any line is enough.
//!
//! Stages are evaluated on a grid, at 00:00 of each day in the tenant's time zone.
//! A rise takes effect at once, a fall only after two consecutive grid points. The
//! stage is therefore the higher of the results at this grid point and the previous
//! one, and a pure function of the facts at two instants.

mod api;
mod rules;

use std::collections::HashMap;

use stoa_kernel::{Result, Timestamp};
use stoa_proto::analytics::v1::{InvestmentSegment, NetworkStage, StageReason};

use crate::{
    column::span::Cut,
    definition::Definition,
    frame::Frame,
    metrics::{
        filter::{Filter, View},
        standing::{Standing, Standings},
    },
};

/// A partner with its stage.
#[derive(Debug, Clone)]
pub(crate) struct Segmented {
    pub(crate) partner: u32,
    pub(crate) stage: NetworkStage,
    /// Stage based on the facts of this grid point alone.
    pub(crate) evaluated: NetworkStage,
    /// Last commercial activity.
    pub(crate) last: Option<i64>,
    pub(crate) suspended: bool,
    /// Program of the enrollment with the highest stage.
    pub(crate) program: u32,
    pub(crate) reasons: Vec<StageReason>,
    pub(crate) revenue: i64,
    pub(crate) wins: i64,
}

/// All enrolled partners at a grid point, ordered by ID.
#[derive(Debug, Clone)]
pub(crate) struct Segments {
    /// The grid point.
    pub(crate) grid: i64,
    pub(crate) currency: String,
    pub(crate) all: Vec<Segmented>,
}

/// Returns the segment of a stage.
pub(crate) const fn segment_of(stage: NetworkStage) -> InvestmentSegment {
    match stage {
        NetworkStage::Unspecified => InvestmentSegment::Unspecified,
        NetworkStage::EnrolledInactive => InvestmentSegment::ActivationFocus,
        NetworkStage::ActiveStandard => InvestmentSegment::ActiveStandard,
        NetworkStage::HighPerforming => InvestmentSegment::HighPerforming,
        NetworkStage::Strategic => InvestmentSegment::Strategic,
    }
}

/// Evaluates the last grid point at or before `as_of`.
///
/// # Errors
/// If the instant has no business date.
pub(crate) fn segments(frame: &Frame, cut: Cut, filter: &Filter, definition: &Definition) -> Result<Segments> {
    let (grid, before) = grid_points(frame, cut)?;
    let at = |as_of| Cut { as_of, known_at: cut.known_at };
    let standings = Standings::at(frame, at(grid), definition.window_days, definition);
    let earlier = stages(frame, at(before), definition);
    let rules = rules::Rules::new(frame, at(grid), definition);
    let mut all = Vec::new();
    for standing in standings.all.iter().filter(|s| passes(&standings, s, filter)) {
        let memberships = standings.memberships(standing);
        let Some(outcome) = rules.evaluate(standing, memberships) else { continue };
        let previous = earlier.get(&standing.partner).copied().unwrap_or_default();
        all.push(Segmented {
            partner: standing.partner,
            stage: if (previous as i32) > (outcome.stage as i32) { previous } else { outcome.stage },
            evaluated: outcome.stage,
            last: standing.last,
            suspended: !memberships.iter().any(|m| m.enrolled && !m.suspended),
            program: outcome.program,
            reasons: outcome.reasons,
            revenue: standing.revenue,
            wins: standing.wins,
        });
    }
    all.sort_by(|a, b| frame.partners.get(a.partner).cmp(frame.partners.get(b.partner)));
    Ok(Segments { grid, currency: standings.currency, all })
}

/// Stages of all enrolled partners, based on the facts of one grid point alone.
fn stages(frame: &Frame, cut: Cut, definition: &Definition) -> HashMap<u32, NetworkStage> {
    let standings = Standings::at(frame, cut, definition.window_days, definition);
    let rules = rules::Rules::new(frame, cut, definition);
    let stage = |s: &Standing| rules.evaluate(s, standings.memberships(s)).map(|outcome| (s.partner, outcome.stage));
    standings.all.iter().filter_map(stage).collect()
}

fn passes(standings: &Standings, standing: &Standing, filter: &Filter) -> bool {
    let view = |program, tier| View { program, tier, ..standing.view };
    standings.memberships(standing).iter().any(|m| m.enrolled && filter.passes(&view(m.program, m.tier)))
}

/// Returns the last grid point at or before the cut, and the previous grid point.
fn grid_points(frame: &Frame, cut: Cut) -> Result<(i64, i64)> {
    let (_, zone) = frame.settings_at(cut);
    let date = Timestamp::from_micros(cut.as_of).date(zone)?;
    let start = |date| Timestamp::start_of(date, zone).map(Timestamp::micros);
    Ok((start(date)?, start(date.yesterday().unwrap_or(date))?))
}
