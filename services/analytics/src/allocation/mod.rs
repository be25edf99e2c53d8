//! Investment allocation: first to segments, then to the partners of a segment
//! in proportion to productivity. Pure functions on integers.
//!
//! Productivity is the revenue of 365 days, shrunk toward the segment's mean. The
//! fewer wins it rests on, the more it is shrunk. Market potential and open
//! pipeline will be part of it once there are coverage targets. Until then, a
//! partner's potential is 0.

mod api;
mod compare;
mod fill;
mod policy;

use std::collections::BTreeMap;

use fill::{Share, fill};
use policy::{Policies, SEGMENTS, Weighting};
use stoa_kernel::{Error, Result, money};
use stoa_proto::analytics::v1::{AllocationBudget, ErrorReason, InvestmentSegment, LeftReason};

/// Weight of the segment's mean, in wins.
const PRIOR_WINS: i128 = 4;
/// Scale of `n ÷ ratio`. All default ratios divide it.
const RATIO_SCALE: i64 = 300_000;

/// A partner to allocate to. Candidates are ordered by ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) partner: String,
    pub(crate) segment: InvestmentSegment,
    pub(crate) revenue: i64,
    pub(crate) wins: i64,
    /// In thousandths of a minor unit.
    pub(crate) productivity: i64,
}

/// The allocation of one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Units per segment.
    pub(crate) segments: BTreeMap<InvestmentSegment, i64>,
    /// Units per candidate. 0 in a pooled segment.
    pub(crate) partners: Vec<i64>,
    pub(crate) left: i64,
    pub(crate) left_reason: LeftReason,
}

/// Sets the productivity of every candidate.
pub(crate) fn set_productivity(candidates: &mut [Candidate]) {
    for segment in SEGMENTS {
        let members = || candidates.iter().filter(|c| c.segment == segment);
        let count = i128::try_from(members().count()).unwrap_or(i128::MAX);
        if count == 0 {
            continue;
        }
        let sum: i128 = members().map(|c| i128::from(c.revenue.max(0))).sum();
        let mean = money::div_round(sum * 1000, count);
        for candidate in candidates.iter_mut().filter(|c| c.segment == segment) {
            let wins = i128::from(candidate.wins.max(0));
            let own = i128::from(candidate.revenue.max(0)) * 1000;
            let shrunk = money::div_round(wins * own + PRIOR_WINS * mean, wins + PRIOR_WINS);
            candidate.productivity = i64::try_from(shrunk).unwrap_or(i64::MAX);
        }
    }
}

/// Allocates one budget.
///
/// # Errors
/// FAILED_PRECONDITION `FLOORS_EXCEED_BUDGET` if the floors exceed the budget.
pub(crate) fn allocate(budget: &AllocationBudget, candidates: &[Candidate], policies: &Policies) -> Result<Plan> {
    let total = budget.unit_count;
    let count = |segment| i64::try_from(candidates.iter().filter(|c| c.segment == segment).count()).unwrap_or(i64::MAX);
    let counts = SEGMENTS.map(count);
    let units = by_segment(total, &counts, policies)?;
    let mut plan = Plan {
        segments: SEGMENTS.into_iter().zip(units).collect(),
        partners: vec![0; candidates.len()],
        left: total - units.iter().sum::<i64>(),
        left_reason: LeftReason::Unspecified,
    };
    if plan.left > 0 {
        plan.left_reason = match policies.weighting {
            _ if candidates.is_empty() => LeftReason::NoPartners,
            Weighting::Ratios => LeftReason::CapsReached,
            Weighting::Shares => LeftReason::SharesUnused,
        };
    }
    for (segment, units) in SEGMENTS.into_iter().zip(units).filter(|(segment, _)| !policy::is_pooled(*segment)) {
        let members: Vec<usize> = (0..candidates.len()).filter(|i| candidates[*i].segment == segment).collect();
        let policy = policies.for_segment(segment);
        let share = |i: &usize| Share { weight: candidates[*i].productivity.max(1), floor: policy.floor, cap: policy.cap_of(units) };
        let shares: Vec<Share> = members.iter().map(share).collect();
        for (i, units) in members.into_iter().zip(fill(units, &shares)) {
            plan.partners[i] = units;
        }
    }
    Ok(plan)
}

/// Units per segment, between the sums of its partners' floors and caps.
fn by_segment(total: i64, counts: &[i64; 4], policies: &Policies) -> Result<[i64; 4]> {
    let bounds = |i: usize, limit: i64| {
        let policy = policies.for_segment(SEGMENTS[i]);
        let floor = policy.floor.saturating_mul(counts[i]);
        (floor, policy.cap_of(limit).saturating_mul(counts[i]).min(limit).max(floor))
    };
    let mut units = [0; 4];
    match policies.weighting {
        Weighting::Ratios => {
            let floors = (0..4).fold(0_i64, |sum, i| sum.saturating_add(bounds(i, total).0));
            if floors > total {
                return Err(floors_exceed(floors, total));
            }
            let populated: Vec<usize> = (0..4).filter(|i| counts[*i] > 0).collect();
            let share = |i: &usize| {
                let (floor, cap) = bounds(*i, total);
                let weight = counts[*i].saturating_mul(RATIO_SCALE) / policies.for_segment(SEGMENTS[*i]).partners_per_unit.max(1);
                Share { weight, floor, cap }
            };
            let shares: Vec<Share> = populated.iter().map(share).collect();
            for (i, part) in populated.into_iter().zip(fill(total, &shares)) {
                units[i] = part;
            }
        }
        Weighting::Shares => {
            let mut weights: Vec<i64> = SEGMENTS.iter().map(|s| policies.for_segment(*s).share_basis_points).collect();
            weights.push(10_000 - weights.iter().sum::<i64>());
            let parts = money::split(total, &weights)?;
            for (i, part) in parts.into_iter().take(4).enumerate() {
                let (floor, cap) = bounds(i, part);
                if floor > part {
                    return Err(floors_exceed(floor, part).with_metadata("segment", SEGMENTS[i].as_str_name()));
                }
                units[i] = cap.min(part);
            }
        }
    }
    Ok(units)
}

fn floors_exceed(floors: i64, units: i64) -> Error {
    let message = format!("the floors add up to {floors} units, but only {units} are available. Lower the floors or raise the budget.");
    Error::precondition(ErrorReason::FloorsExceedBudget, message)
}

#[cfg(test)]
mod tests;
