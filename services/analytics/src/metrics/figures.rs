//! All figures of one population.

use std::collections::HashMap;

use stoa_proto::{
    analytics::v1::{ChannelRevenue, InactivityAges, QualityFigures, TierCount, UnconvertedAmount},
    common::v1::Money,
};

use super::{
    Question, activation,
    concentration::concentration,
    count, inactivity, minor,
    population::{Population, TierUnit},
    ratio,
    revenue::Unconverted,
};
use crate::{column::span::Cut, definition::Definition, fact::tier::Tier, frame::Frame};

/// What all populations of a report share.
pub(crate) struct Scene<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) question: &'a Question,
    pub(crate) definition: &'a Definition,
    pub(crate) currency: &'a str,
    pub(crate) tiers: HashMap<u32, Tier>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(frame: &'a Frame, question: &'a Question, definition: &'a Definition, currency: &'a str) -> Self {
        Self { frame, question, definition, currency, tiers: tiers_at(frame, question.cut) }
    }

    pub(crate) fn money(&self, minor_units: i64) -> Money {
        Money { minor_units, currency_code: self.currency.to_owned() }
    }

    /// Sort key of a tier: program, rank, name.
    pub(crate) fn tier_key(&self, tier: u32) -> (&'a str, i32, &'a str) {
        let name = self.frame.texts.get(tier);
        let known = self.tiers.get(&tier);
        let program = known.map_or_else(|| name.split("/tiers/").next().unwrap_or_default(), |t| self.frame.texts.get(t.program));
        (program, known.map_or(0, |t| t.rank), name)
    }

    pub(crate) fn tier_name(&self, tier: u32) -> &'a str {
        self.tiers.get(&tier).map_or("", |t| self.frame.texts.get(t.display_name))
    }
}

/// Tiers as they were at a cut, by the number of their name.
pub(crate) fn tiers_at(frame: &Frame, cut: Cut) -> HashMap<u32, Tier> {
    frame.facts.tiers.row(0).iter().filter(|f| f.span.holds(cut)).map(|f| (f.value.tier, f.value)).collect()
}

pub(crate) fn figures(scene: &Scene<'_>, population: &Population) -> QualityFigures {
    let units = &population.units;
    let enrolled = units.iter().filter(|u| u.enrolled).count();
    let active: Vec<i64> = units.iter().filter(|u| u.active).map(|u| u.revenue).collect();
    let active_count = count(active.len());
    let mut ages = InactivityAges::default();
    for unit in units.iter().filter(|u| u.enrolled && !u.active) {
        inactivity::add(&mut ages, unit.last, scene.definition, scene.question.cut);
    }
    let (revenue, total, from_active) = channel_revenue(scene, population);
    let cohort = population.cohort.iter().map(|c| activation::outcome(c.at, c.first_activity, scene.question, scene.definition));
    QualityFigures {
        enrolled_count: count(enrolled),
        suspended_count: count(units.iter().filter(|u| u.suspended).count()),
        active_count,
        engaged_count: count(units.iter().filter(|u| u.engaged).count()),
        active_ratio: Some(ratio(active_count, count(enrolled))),
        revenue_per_active_partner: Some(ratio(from_active, active_count)),
        channel_revenue: Some(revenue),
        concentration: Some(concentration(active, units.iter().map(|u| u.revenue), total, scene.question.top)),
        activation: Some(activation::activation(cohort)),
        tiers: tier_counts(scene, &population.tiers),
        inactivity: Some(ages),
    }
}

/// Returns the message, the exact total, and the revenue of the active partners.
fn channel_revenue(scene: &Scene<'_>, population: &Population) -> (ChannelRevenue, i128, i64) {
    let (mut active, mut inactive, mut left) = (0_i128, 0_i128, 0_i128);
    for unit in &population.units {
        let part = match (unit.active, unit.enrolled) {
            (true, _) => &mut active,
            (false, true) => &mut inactive,
            (false, false) => &mut left,
        };
        *part += i128::from(unit.revenue);
    }
    let total = active + inactive + left;
    let message = ChannelRevenue {
        total: Some(scene.money(minor(total))),
        from_active: Some(scene.money(minor(active))),
        from_inactive: Some(scene.money(minor(inactive))),
        from_left: Some(scene.money(minor(left))),
        direct: None,
        unconverted: unconverted(scene.frame, &population.unconverted),
        direct_unconverted: Vec::new(),
    };
    (message, total, minor(active))
}

/// Amounts without a rate, ordered by currency code.
pub(crate) fn unconverted(frame: &Frame, sums: &Unconverted) -> Vec<UnconvertedAmount> {
    let mut amounts: Vec<UnconvertedAmount> = sums
        .iter()
        .map(|(currency, (sum, shares))| UnconvertedAmount {
            currency_code: frame.texts.get(*currency).to_owned(),
            minor_units: minor(*sum),
            share_count: *shares,
        })
        .collect();
    amounts.sort_by(|a, b| a.currency_code.cmp(&b.currency_code));
    amounts
}

/// Counts organizations per tier. An organization counts once in each tier.
fn tier_counts(scene: &Scene<'_>, tiers: &[TierUnit]) -> Vec<TierCount> {
    let mut sorted = tiers.to_vec();
    sorted.sort_unstable();
    let mut counts: Vec<(u32, TierCount)> = Vec::new();
    for of_tier in sorted.chunk_by(|a, b| a.tier == b.tier) {
        let members = || of_tier.chunk_by(|a, b| a.entity == b.entity);
        let Some(tier) = of_tier.first().map(|u| u.tier) else { continue };
        let (_, rank, name) = scene.tier_key(tier);
        let counted = TierCount {
            tier: name.to_owned(),
            display_name: scene.tier_name(tier).to_owned(),
            rank,
            enrolled_count: count(members().count()),
            active_count: count(members().filter(|m| m.iter().any(|u| u.active)).count()),
        };
        counts.push((tier, counted));
    }
    counts.sort_by_key(|(tier, _)| scene.tier_key(*tier));
    counts.into_iter().map(|(_, counted)| counted).collect()
}
