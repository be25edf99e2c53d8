//! The default rules of the stages, at one cut.

use std::{cmp::Reverse, collections::HashMap};

use stoa_proto::analytics::v1::{NetworkStage, StageReason, StageRule};

use crate::{
    column::span::Cut,
    definition::Definition,
    fact::{activity::ActivityKind, tier::Tier},
    frame::Frame,
    metrics::{activity, count, figures::tiers_at, membership::Membership, revenue::Converter, standing::Standing},
};

/// Result of the rules for one partner.
pub(super) struct Outcome {
    pub(super) stage: NetworkStage,
    pub(super) program: u32,
    pub(super) reasons: Vec<StageReason>,
}

pub(super) struct Rules<'a> {
    frame: &'a Frame,
    cut: Cut,
    definition: &'a Definition,
    /// Threshold of each program's top tier, in the reporting currency.
    thresholds: HashMap<u32, Option<i64>>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(frame: &'a Frame, cut: Cut, definition: &'a Definition) -> Self {
        let converter = Converter::new(frame, cut, definition.window_days);
        let mut top: HashMap<u32, Tier> = HashMap::new();
        for tier in tiers_at(frame, cut).into_values() {
            // Ranks are unique. If two tiers have the same rank at a cut, the name decides.
            let key = |t: &Tier| (t.rank, frame.texts.get(t.tier));
            top.entry(tier.program)
                .and_modify(|best| {
                    if key(&tier) > key(best) {
                        *best = tier
                    }
                })
                .or_insert(tier);
        }
        let threshold = |t: Tier| t.threshold.and_then(|minor| converter.at_cut(minor, t.currency));
        let thresholds = top.into_iter().map(|(program, tier)| (program, threshold(tier))).collect();
        Self { frame, cut, definition, thresholds }
    }

    /// Evaluates the enrollment with the highest stage and, among those, the most
    /// rules met. Returns `None` for a partner that is not enrolled.
    pub(super) fn evaluate(&self, standing: &Standing, memberships: &[Membership]) -> Option<Outcome> {
        let mut closest: Option<Outcome> = None;
        for membership in memberships.iter().filter(|m| m.enrolled) {
            let reasons = self.reasons(standing, membership);
            let outcome = Outcome { stage: stage(&reasons), program: membership.program, reasons };
            if closest.as_ref().is_none_or(|best| self.key(&outcome) > self.key(best)) {
                closest = Some(outcome);
            }
        }
        closest
    }

    fn key(&self, outcome: &Outcome) -> (i32, usize, Reverse<&str>) {
        let met = outcome.reasons.iter().filter(|r| r.met).count();
        (outcome.stage as i32, met, Reverse(self.frame.texts.get(outcome.program)))
    }

    fn reasons(&self, standing: &Standing, membership: &Membership) -> Vec<StageReason> {
        let recent = |kind| activity::recent(self.frame, standing.partner, kind, self.definition, self.cut);
        let activities = if membership.suspended { 0 } else { recent(None) };
        let threshold = self.thresholds.get(&membership.program).copied().flatten();
        let (lines, certified) = self.certified(standing.partner, membership);
        vec![
            reason(StageRule::Active, Some(1), count(activities)),
            reason(StageRule::TopTierRevenue, threshold, standing.revenue),
            reason(StageRule::Certifications, Some(lines), certified),
            reason(StageRule::Campaigns, Some(1), count(recent(Some(ActivityKind::Campaign)))),
            reason(StageRule::StrategicDesignation, Some(1), 0),
        ]
    }

    /// Number of product lines that require a certification, and of those that have
    /// one.
    fn certified(&self, partner: u32, membership: &Membership) -> (i64, i64) {
        let valid = || {
            let row = self.frame.facts.certifications.row(partner).iter();
            row.filter(|f| f.span.holds(self.cut) && f.value.earn < self.cut.as_of && self.cut.as_of <= f.value.end).map(|f| f.value.line)
        };
        let lines = self.frame.lists.get(membership.lines);
        if lines.is_empty() {
            return (1, count(valid().count()));
        }
        let held = lines.iter().filter(|line| valid().any(|v| i64::from(v) == **line)).count();
        (count(lines.len()), count(held))
    }
}

fn reason(rule: StageRule, required: Option<i64>, actual: i64) -> StageReason {
    let missing = required.map(|required| required.saturating_sub(actual).max(0));
    StageReason { rule: rule as i32, met: missing == Some(0), required, actual, missing }
}

/// The highest stage whose conditions are met.
fn stage(reasons: &[StageReason]) -> NetworkStage {
    let met = |rule| reasons.iter().any(|r| r.rule() == rule && r.met);
    let performs = [StageRule::TopTierRevenue, StageRule::Certifications, StageRule::Campaigns].into_iter().all(met);
    match (met(StageRule::Active), met(StageRule::StrategicDesignation), performs) {
        (false, _, _) => NetworkStage::EnrolledInactive,
        (true, true, _) => NetworkStage::Strategic,
        (true, false, true) => NetworkStage::HighPerforming,
        (true, false, false) => NetworkStage::ActiveStandard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_requires_all_of_its_conditions() {
        let with = |active, revenue: Option<i64>, campaigns| {
            stage(&[
                reason(StageRule::Active, Some(1), active),
                reason(StageRule::TopTierRevenue, revenue, 100),
                reason(StageRule::Certifications, Some(2), 2),
                reason(StageRule::Campaigns, Some(1), campaigns),
            ])
        };
        assert_eq!(with(1, Some(100), 1), NetworkStage::HighPerforming);
        assert_eq!(with(1, Some(101), 1), NetworkStage::ActiveStandard);
        assert_eq!(with(1, None, 1), NetworkStage::ActiveStandard);
        assert_eq!(with(1, Some(1), 0), NetworkStage::ActiveStandard);
        assert_eq!(with(0, Some(1), 1), NetworkStage::EnrolledInactive);
    }

    #[test]
    fn a_reason_says_how_much_is_missing() {
        let short = reason(StageRule::TopTierRevenue, Some(100), 30);
        assert_eq!((short.met, short.missing), (false, Some(70)));
        assert_eq!(reason(StageRule::TopTierRevenue, None, 30).missing, None);
    }
}
