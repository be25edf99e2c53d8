//! The partners behind a number of the report.

use std::collections::{HashMap, HashSet};

use stoa_kernel::names;
use stoa_proto::analytics::v1::{MetricPartner, QualityMetric};

use crate::{
    definition::Definition,
    frame::Frame,
    metrics::{
        Question,
        activation::{Outcome, outcome},
        concentration::top_count,
        figures::Scene,
        filter::Filter,
        population::{CohortUnit, Population, Unit, populations},
        standing::Standings,
    },
    request::instant,
};

/// A partner with the key that orders the list.
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) partner: MetricPartner,
}

/// Returns all partners behind a number, in order.
pub(super) fn partners(frame: &Frame, question: &Question, metric: QualityMetric, definition: &Definition) -> Vec<Listed> {
    let standings = Standings::at(frame, question.cut, question.window_days, definition);
    let scene = Scene::new(frame, question, definition, &standings.currency);
    let population = populations(&standings, question, &[]).headline;
    let list = List { tiers: tiers(&scene, &population), scene };
    let mut listed = match metric {
        QualityMetric::Activation => {
            // The filter applies to the cohort as it was then. Its current state is needed for all.
            let everybody = populations(&standings, &Question { filter: Filter::All, ..question.clone() }, &[]).headline;
            list.cohort(&population.cohort, &everybody)
        }
        QualityMetric::Concentration => list.concentration(&population.units),
        metric => population.units.iter().filter_map(|unit| list.unit(metric, unit)).collect(),
    };
    listed.sort_by(|a, b| a.key.cmp(&b.key));
    listed
}

struct List<'a> {
    scene: Scene<'a>,
    tiers: HashMap<u32, Vec<String>>,
}

impl List<'_> {
    fn unit(&self, metric: QualityMetric, unit: &Unit) -> Option<Listed> {
        let (listed, numerator, denominator) = match metric {
            QualityMetric::Enrolled => (unit.enrolled, false, false),
            QualityMetric::Active => (unit.active, false, false),
            QualityMetric::Engaged => (unit.engaged, false, false),
            QualityMetric::ActiveRatio => (unit.enrolled, unit.active, true),
            QualityMetric::RevenuePerActivePartner => (unit.active, true, true),
            QualityMetric::ChannelRevenue => (unit.revenue != 0, false, false),
            QualityMetric::Unspecified | QualityMetric::Concentration | QualityMetric::Activation => (false, false, false),
        };
        listed.then(|| self.listed(unit, numerator, denominator))
    }

    fn listed(&self, unit: &Unit, in_numerator: bool, in_denominator: bool) -> Listed {
        let (frame, cut) = (self.scene.frame, self.scene.question.cut);
        let id = frame.partners.get(unit.entity);
        let name = frame.attributes_at(unit.entity, cut).map_or("", |a| frame.texts.get(a.display_name));
        let partner = MetricPartner {
            partner: names::name("partners", id),
            display_name: name.to_owned(),
            enrolled: unit.enrolled,
            suspended: unit.suspended,
            active: unit.active,
            in_numerator,
            in_denominator,
            revenue: Some(self.scene.money(unit.revenue)),
            last_activity_time: unit.last.and_then(instant),
            enroll_time: None,
            tiers: self.tiers.get(&unit.entity).cloned().unwrap_or_default(),
        };
        Listed { key: id.to_owned(), partner }
    }

    fn cohort(&self, cohort: &[CohortUnit], everybody: &Population) -> Vec<Listed> {
        let units: HashMap<u32, &Unit> = everybody.units.iter().map(|u| (u.entity, u)).collect();
        let listed = |c: &CohortUnit| {
            let (matured, activated) = match outcome(c.at, c.first_activity, self.scene.question, self.scene.definition) {
                Outcome::Outside => return None,
                Outcome::Immature => (false, false),
                Outcome::Matured(in_time) => (true, in_time),
            };
            let mut listed = self.listed(units.get(&c.entity)?, activated, matured);
            listed.partner.enroll_time = instant(c.at);
            Some(listed)
        };
        cohort.iter().filter_map(listed).collect()
    }

    /// All partners that are active or have revenue, highest revenue first. The key is
    /// the rank.
    fn concentration(&self, units: &[Unit]) -> Vec<Listed> {
        let rank = |u: &&Unit| (std::cmp::Reverse(u.revenue.max(0)), self.scene.frame.partners.get(u.entity));
        let mut active: Vec<&Unit> = units.iter().filter(|u| u.active).collect();
        active.sort_by_key(rank);
        active.truncate(top_count(self.scene.question.top, active.len()));
        let top: HashSet<u32> = active.iter().map(|u| u.entity).collect();
        let mut all: Vec<&Unit> = units.iter().filter(|u| u.active || u.revenue != 0).collect();
        all.sort_by_key(rank);
        let ranked = |(i, unit): (usize, &&Unit)| Listed { key: format!("{i:010}"), ..self.listed(unit, top.contains(&unit.entity), true) };
        all.iter().enumerate().map(ranked).collect()
    }
}

/// Tiers of each organization, ordered by program and rank.
fn tiers(scene: &Scene<'_>, population: &Population) -> HashMap<u32, Vec<String>> {
    let mut tiers: HashMap<u32, Vec<u32>> = HashMap::new();
    for unit in &population.tiers {
        tiers.entry(unit.entity).or_default().push(unit.tier);
    }
    let named = |mut numbers: Vec<u32>| {
        numbers.sort_by_key(|tier| scene.tier_key(*tier));
        numbers.dedup();
        numbers.into_iter().map(|tier| scene.frame.texts.get(tier).to_owned()).collect()
    };
    tiers.into_iter().map(|(entity, numbers)| (entity, named(numbers))).collect()
}
