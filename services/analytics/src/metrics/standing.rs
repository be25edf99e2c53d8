//! Every partner resolved at a cut, once for all figures of a report.

use std::collections::HashMap;

use super::{
    activation::{FirstEnrollment, first_enrollment},
    activity,
    filter::View,
    membership::{Membership, memberships},
    revenue::{Converter, Revenue, Unconverted},
};
use crate::{
    column::{intern::NO_PARTNER, span::Cut},
    definition::Definition,
    frame::Frame,
};

/// Maximum number of levels that a hierarchy is followed upward.
const LEVELS_MAX: usize = 64;

/// One partner at the cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) partner: u32,
    /// Topmost ancestor, or the partner itself if it has no parent.
    pub(crate) root: u32,
    /// Attributes at the cut. Program and tier are in the memberships.
    pub(crate) view: View,
    memberships: (u32, u32),
    /// Last commercial activity.
    pub(crate) last: Option<i64>,
    /// Whether that activity makes the partner active, provided that the partner is
    /// enrolled and not suspended.
    pub(crate) recent: bool,
    pub(crate) engaged: bool,
    pub(crate) revenue: i64,
    pub(crate) wins: i64,
    pub(crate) first_enrollment: Option<FirstEnrollment>,
    pub(crate) first_activity: Option<i64>,
}

/// All partners at the cut.
#[derive(Debug)]
pub(crate) struct Standings {
    pub(crate) all: Vec<Standing>,
    memberships: Vec<Membership>,
    /// Revenue without a rate, by partner.
    pub(crate) unconverted: HashMap<u32, Unconverted>,
    /// Revenue that is credited to no partner.
    pub(crate) direct: Revenue,
    /// Reporting currency.
    pub(crate) currency: String,
}

impl Standings {
    pub(crate) fn at(frame: &Frame, cut: Cut, window_days: i64, definition: &Definition) -> Self {
        let converter = Converter::new(frame, cut, window_days);
        let mut result = Self {
            all: Vec::with_capacity(frame.partner_count() as usize),
            memberships: Vec::with_capacity(frame.partner_count() as usize),
            unconverted: HashMap::new(),
            direct: converter.revenue(NO_PARTNER),
            currency: converter.currency().to_owned(),
        };
        for partner in 1..frame.partner_count() {
            result.add(frame, &converter, partner, cut, definition);
        }
        result
    }

    fn add(&mut self, frame: &Frame, converter: &Converter<'_>, partner: u32, cut: Cut, definition: &Definition) {
        let start = self.memberships.len();
        memberships(frame, partner, cut, &mut self.memberships);
        let attributes = frame.attributes_at(partner, cut);
        let last = activity::last(frame, partner, cut);
        let revenue = converter.revenue(partner);
        if !revenue.unconverted.is_empty() {
            self.unconverted.insert(partner, revenue.unconverted);
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.all.push(Standing {
            partner,
            root: root(frame, partner, cut),
            view: View {
                kind: attributes.map_or(0, |a| a.kind),
                territory: attributes.map_or(0, |a| a.territory),
                vertical: attributes.map_or(0, |a| a.vertical),
                ..View::default()
            },
            memberships: (number(start), number(self.memberships.len())),
            last,
            recent: activity::is_recent(last, definition, cut),
            engaged: activity::is_engaged(frame, partner, definition, cut),
            revenue: revenue.minor,
            wins: revenue.wins,
            first_enrollment: first_enrollment(frame, partner, cut),
            first_activity: activity::first(frame, partner, cut),
        });
    }

    /// Returns the memberships of a partner, at least one.
    pub(crate) fn memberships(&self, standing: &Standing) -> &[Membership] {
        let (start, end) = standing.memberships;
        self.memberships.get(start as usize..end as usize).unwrap_or_default()
    }
}

fn root(frame: &Frame, partner: u32, cut: Cut) -> u32 {
    let mut at = partner;
    for _ in 0..LEVELS_MAX {
        match frame.attributes_at(at, cut).map_or(NO_PARTNER, |a| a.parent) {
            NO_PARTNER => break,
            parent => at = parent,
        }
    }
    at
}
