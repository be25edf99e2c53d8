//! Comparison of a plan with the uniform one, in which every enrolled partner
//! gets the same number of units.

use super::{Candidate, Plan, policy::SEGMENTS};

/// Units per partner if all get the same. The first partners by ID share the
/// remainder.
pub(super) fn uniform(total: i64, count: usize) -> Vec<i64> {
    let Some(count) = i64::try_from(count).ok().filter(|n| *n > 0) else { return Vec::new() };
    (0..count).map(|i| total / count + i64::from(i < total % count)).collect()
}

/// Units per segment, summed over its partners.
pub(super) fn per_segment(candidates: &[Candidate], units: &[i64]) -> [i64; 4] {
    SEGMENTS.map(|segment| candidates.iter().zip(units).filter(|(c, _)| c.segment == segment).map(|(_, u)| u).sum())
}

/// Revenue per segment. A partner's negative revenue counts as 0.
pub(super) fn revenues(candidates: &[Candidate]) -> [i64; 4] {
    let revenues: Vec<i64> = candidates.iter().map(|c| c.revenue.max(0)).collect();
    per_segment(candidates, &revenues)
}

/// ½ Σ |investment share − revenue share| over the segments.
pub(super) fn misallocation(units: &[i64; 4], revenues: &[i64; 4]) -> Option<f64> {
    let total = |values: &[i64; 4]| values.iter().map(|n| i128::from(*n)).sum::<i128>();
    let (invested, earned) = (total(units), total(revenues));
    if invested <= 0 || earned <= 0 {
        return None;
    }
    let distance: i128 = units.iter().zip(revenues).map(|(u, r)| (i128::from(*u) * earned - i128::from(*r) * invested).abs()).sum();
    Some(quotient(distance, 2 * invested * earned))
}

/// Share of the units that goes to the top tenth of the partners by revenue.
pub(super) fn top_share(candidates: &[Candidate], units: &[i64], allocated: i64) -> Option<f64> {
    if allocated <= 0 || candidates.is_empty() {
        return None;
    }
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(candidates[*i].revenue), *i));
    let top = candidates.len().div_ceil(10);
    let sum: i128 = order.into_iter().take(top).map(|i| i128::from(units[i])).sum();
    Some(quotient(sum, allocated.into()))
}

/// Units that the plan allocates, including pools.
pub(super) fn allocated(plan: &Plan) -> i64 {
    plan.segments.values().sum()
}

#[expect(clippy::cast_precision_loss, reason = "for display; computed in one step from integers")]
fn quotient(numerator: i128, denominator: i128) -> f64 {
    numerator as f64 / denominator as f64
}
