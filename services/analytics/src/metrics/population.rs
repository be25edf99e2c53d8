//! The partners that figures are computed over, for the headline and each group.

use std::collections::BTreeMap;

use stoa_proto::analytics::v1::Breakdown;

use super::{
    Question,
    filter::View,
    membership::Membership,
    revenue::Unconverted,
    standing::{Standing, Standings},
};

/// An organization in a population.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    /// The partner, or its topmost ancestor if the question rolls up.
    pub(crate) entity: u32,
    pub(crate) enrolled: bool,
    pub(crate) suspended: bool,
    pub(crate) active: bool,
    pub(crate) engaged: bool,
    pub(crate) last: Option<i64>,
    pub(crate) revenue: i64,
}

/// An organization's first enrollment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CohortUnit {
    pub(crate) entity: u32,
    pub(crate) at: i64,
    pub(crate) first_activity: Option<i64>,
}

/// An enrolled organization in a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TierUnit {
    pub(crate) tier: u32,
    pub(crate) entity: u32,
    pub(crate) active: bool,
}

/// What figures are computed over.
#[derive(Debug, Default)]
pub(crate) struct Population {
    pub(crate) units: Vec<Unit>,
    pub(crate) cohort: Vec<CohortUnit>,
    pub(crate) tiers: Vec<TierUnit>,
    pub(crate) unconverted: Unconverted,
}

/// The populations of the headline and the groups.
#[derive(Debug, Default)]
pub(crate) struct Populations {
    pub(crate) headline: Population,
    pub(crate) groups: Vec<Groups>,
}

/// The groups of one breakdown, by value.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) breakdown: Breakdown,
    pub(crate) by_value: Vec<(u32, Population)>,
    /// Index in `by_value` plus one, by value; 0 if absent. A list, because values
    /// are small numbers and are looked up several times per partner.
    places: Vec<u32>,
}

/// Distributes all partners. A group has the population of the same question
/// filtered to the group's value.
pub(crate) fn populations(standings: &Standings, question: &Question, breakdowns: &[Breakdown]) -> Populations {
    let empty = |breakdown: &Breakdown| Groups { breakdown: *breakdown, by_value: Vec::new(), places: Vec::new() };
    let mut result = Populations { headline: Population::default(), groups: breakdowns.iter().map(empty).collect() };
    for standing in &standings.all {
        result.headline.add(standings, standing, question, |_| true);
        result.headline.add_cohort(standing, question);
        for groups in &mut result.groups {
            groups.add(standings, standing, question);
        }
    }
    if question.roll_up {
        let groups = result.groups.iter_mut().flat_map(|g| g.by_value.iter_mut().map(|(_, population)| population));
        groups.chain([&mut result.headline]).for_each(Population::roll_up);
    }
    result
}

impl Groups {
    fn add(&mut self, standings: &Standings, standing: &Standing, question: &Question) {
        let breakdown = self.breakdown;
        let memberships = standings.memberships(standing);
        let group_of = |m: &Membership| value(breakdown, &view(standing, m.program, m.tier));
        for (i, membership) in memberships.iter().enumerate() {
            let group = group_of(membership);
            let seen = memberships.iter().take(i).any(|m| group_of(m) == group);
            if !seen {
                self.at(group).add(standings, standing, question, |v| value(breakdown, v) == group);
            }
        }
        if let Some(first) = &standing.first_enrollment {
            self.at(value(breakdown, &first.view)).add_cohort(standing, question);
        }
    }

    fn at(&mut self, value: u32) -> &mut Population {
        let number = value as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        if self.places[number] == 0 {
            self.by_value.push((value, Population::default()));
            self.places[number] = u32::try_from(self.by_value.len()).unwrap_or(u32::MAX);
        }
        &mut self.by_value[self.places[number] as usize - 1].1
    }
}

impl Population {
    /// Adds a partner with those of its memberships that pass, if any do.
    fn add(&mut self, standings: &Standings, standing: &Standing, question: &Question, in_group: impl Fn(&View) -> bool) {
        let (mut passes, mut enrolled, mut not_suspended) = (false, false, false);
        let is_active = |suspended: bool| standing.recent && !suspended;
        for m in standings.memberships(standing) {
            let view = view(standing, m.program, m.tier);
            if !in_group(&view) || !question.filter.passes(&view) {
                continue;
            }
            passes = true;
            enrolled |= m.enrolled;
            not_suspended |= m.enrolled && !m.suspended;
            if m.enrolled {
                self.tiers.push(TierUnit { tier: m.tier, entity: entity(standing, question), active: is_active(m.suspended) });
            }
        }
        if !passes {
            return;
        }
        self.units.push(Unit {
            entity: entity(standing, question),
            enrolled,
            suspended: enrolled && !not_suspended,
            active: not_suspended && standing.recent,
            engaged: enrolled && standing.engaged,
            last: standing.last,
            revenue: standing.revenue,
        });
        if standings.unconverted.is_empty() {
            return;
        }
        for (currency, (sum, shares)) in standings.unconverted.get(&standing.partner).into_iter().flatten() {
            let entry = self.unconverted.entry(*currency).or_default();
            entry.0 += sum;
            entry.1 += shares;
        }
    }

    /// Adds a partner's first enrollment, if the partner passes with its attributes
    /// at that time.
    fn add_cohort(&mut self, standing: &Standing, question: &Question) {
        if let Some(first) = standing.first_enrollment.filter(|f| question.filter.passes(&f.view)) {
            let unit = CohortUnit { entity: entity(standing, question), at: first.at, first_activity: standing.first_activity };
            self.cohort.push(unit);
        }
    }

    /// Merges the members of each organization.
    fn roll_up(&mut self) {
        let mut units: BTreeMap<u32, Unit> = BTreeMap::new();
        for unit in self.units.drain(..) {
            units.entry(unit.entity).and_modify(|all| all.merge(&unit)).or_insert(unit);
        }
        self.units = units.into_values().collect();
        let mut cohort: BTreeMap<u32, CohortUnit> = BTreeMap::new();
        for unit in self.cohort.drain(..) {
            let first = cohort.entry(unit.entity).or_insert(unit);
            first.at = first.at.min(unit.at);
            first.first_activity = earliest(first.first_activity, unit.first_activity);
        }
        self.cohort = cohort.into_values().collect();
    }
}

impl Unit {
    fn merge(&mut self, member: &Self) {
        // An organization is suspended if all of its enrolled members are.
        let not_suspended = (self.enrolled && !self.suspended) || (member.enrolled && !member.suspended);
        self.enrolled |= member.enrolled;
        self.suspended = self.enrolled && !not_suspended;
        self.active |= member.active;
        self.engaged |= member.engaged;
        self.last = self.last.max(member.last);
        self.revenue = self.revenue.saturating_add(member.revenue);
    }
}

const fn entity(standing: &Standing, question: &Question) -> u32 {
    if question.roll_up { standing.root } else { standing.partner }
}

fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

const fn view(standing: &Standing, program: u32, tier: u32) -> View {
    View { program, tier, ..standing.view }
}

/// The value of a view in a breakdown.
fn value(breakdown: Breakdown, view: &View) -> u32 {
    match breakdown {
        Breakdown::Tier => view.tier,
        Breakdown::Type => u32::try_from(view.kind).unwrap_or_default(),
        Breakdown::Territory => view.territory,
        Breakdown::Vertical => view.vertical,
        Breakdown::Unspecified => 0,
    }
}
