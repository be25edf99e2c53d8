//! Water-filling: whole units in proportion to weights, between floors and caps.
//! Uses only integers and a fixed order, so the same input gives the same output.

use std::cmp::Ordering;

/// Scaled weights are below this, so that all products fit into 128 bits.
const WEIGHT_MAX: i128 = 1 << 40;

/// One participant in the filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) weight: i64,
    pub(crate) floor: i64,
    /// Not less than the floor.
    pub(crate) cap: i64,
}

/// Returns the units per share: floors first, then in proportion to the weights
/// up to the caps, rounded by largest remainder. They add up to `total`, or to
/// the sum of the caps if `total` exceeds it. The floors must not add up to more
/// than `total`.
pub(crate) fn fill(total: i64, shares: &[Share]) -> Vec<i64> {
    let caps: i128 = shares.iter().map(|s| i128::from(s.cap)).sum();
    if caps <= i128::from(total) {
        return shares.iter().map(|s| s.cap).collect();
    }
    let weights = scaled(shares);
    let (level_at_floor, level_at_cap, free_units, free_weight) = level(total, shares, &weights);
    let mut units = Vec::with_capacity(shares.len());
    let mut remainders = Vec::new();
    let mut rest = free_units;
    for (i, (share, weight)) in shares.iter().zip(&weights).enumerate() {
        units.push(if level_at_cap[i] {
            share.cap
        } else if level_at_floor[i] || free_weight == 0 {
            share.floor
        } else {
            let exact = free_units * weight;
            rest -= exact / free_weight;
            remainders.push((exact % free_weight, i));
            i64::try_from(exact / free_weight).unwrap_or(i64::MAX)
        });
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, i) in remainders.into_iter().take(usize::try_from(rest).unwrap_or_default()) {
        units[i] += 1;
    }
    units
}

fn scaled(shares: &[Share]) -> Vec<i128> {
    let largest = shares.iter().map(|s| i128::from(s.weight)).max().unwrap_or_default();
    let divisor = largest / WEIGHT_MAX + 1;
    shares.iter().map(|s| (i128::from(s.weight) / divisor).max(1)).collect()
}

/// The level, `units / weight`, at which a share leaves its floor or reaches its
/// cap.
struct Step {
    units: i128,
    weight: i128,
    at: usize,
    cap: bool,
}

/// Finds the level at which the units are used up. Returns which shares are at
/// their floors, which are at their caps, and the units and total weight of the
/// others.
fn level(total: i64, shares: &[Share], weights: &[i128]) -> (Vec<bool>, Vec<bool>, i128, i128) {
    let mut steps: Vec<Step> = Vec::with_capacity(shares.len() * 2);
    for (at, (share, weight)) in shares.iter().zip(weights).enumerate() {
        steps.push(Step { units: share.floor.into(), weight: *weight, at, cap: false });
        steps.push(Step { units: share.cap.into(), weight: *weight, at, cap: true });
    }
    steps.sort_by(|a, b| higher(a, b).then(a.cap.cmp(&b.cap)).then(a.at.cmp(&b.at)));
    let mut at_floor = vec![true; shares.len()];
    let mut at_cap = vec![false; shares.len()];
    let mut left = i128::from(total) - shares.iter().map(|s| i128::from(s.floor)).sum::<i128>();
    let mut free = 0_i128;
    for step in steps {
        // All units are used before this level is reached.
        if left * step.weight <= step.units * free {
            break;
        }
        if step.cap {
            at_cap[step.at] = true;
            free -= step.weight;
            left -= step.units;
        } else {
            at_floor[step.at] = false;
            free += step.weight;
            left += step.units;
        }
    }
    (at_floor, at_cap, left, free)
}

fn higher(a: &Step, b: &Step) -> Ordering {
    (a.units * b.weight).cmp(&(b.units * a.weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(weight: i64, floor: i64, cap: i64) -> Share {
        Share { weight, floor, cap }
    }

    #[test]
    fn small_cases() {
        assert_eq!(fill(10, &[share(1, 0, 100), share(1, 0, 100), share(1, 0, 100)]), [4, 3, 3]);
        assert_eq!(fill(10, &[share(1, 6, 100), share(1, 0, 100), share(1, 0, 100)]), [6, 2, 2]);
        assert_eq!(fill(10, &[share(8, 0, 3), share(1, 0, 100), share(1, 0, 100)]), [3, 4, 3]);
        assert_eq!(fill(10, &[share(1, 1, 2), share(1, 1, 3)]), [2, 3]);
        assert_eq!(fill(5, &[share(1, 2, 9), share(1, 3, 9)]), [2, 3]);
        assert_eq!(fill(0, &[share(1, 0, 9)]), [0]);
        assert!(fill(7, &[]).is_empty());
    }

    fn shares() -> impl Strategy<Value = Vec<Share>> {
        let any_share = (0_i64..1_000_000_000_000_000_000, 0_i64..50, 0_i64..200).prop_map(|(w, f, more)| share(w, f, f + more));
        prop::collection::vec(any_share, 0..30)
    }

    proptest! {
        #[test]
        fn sums_are_exact_and_bounds_are_kept(shares in shares(), extra in 0_i64..5_000) {
            let floors: i64 = shares.iter().map(|s| s.floor).sum();
            let caps: i64 = shares.iter().map(|s| s.cap).sum();
            let total = floors + extra;
            let units = fill(total, &shares);
            prop_assert_eq!(units.iter().sum::<i64>(), total.min(caps));
            for (unit, share) in units.iter().zip(&shares) {
                prop_assert!(share.floor <= *unit && *unit <= share.cap);
            }
            prop_assert_eq!(fill(total, &shares), units);
        }

        #[test]
        fn between_the_bounds_units_follow_the_weights(
            shares in prop::collection::vec((1_i64..1_000, 0_i64..20, 0_i64..100).prop_map(|(w, f, m)| share(w, f, f + m)), 1..12),
            extra in 0_i64..1_000,
        ) {
            let total = shares.iter().map(|s| s.floor).sum::<i64>() + extra;
            let units = fill(total, &shares);
            // Within one unit of rounding, no unit could move to a share with less per weight.
            for (a, share_a) in units.iter().zip(&shares) {
                for (b, share_b) in units.iter().zip(&shares) {
                    if *a > share_a.floor && *b < share_b.cap {
                        prop_assert!((a - 1) * share_b.weight <= (b + 1) * share_a.weight);
                    }
                }
            }
        }
    }
}
