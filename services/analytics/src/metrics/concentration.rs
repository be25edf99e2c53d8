//! Metric 6: how much of the revenue comes from the top partners.

use stoa_kernel::money::div_round;
use stoa_proto::analytics::v1::Concentration;

use super::{Top, count, minor, ratio};

/// Number of top partners, given the number of active ones.
pub(crate) fn top_count(top: Top, active: usize) -> usize {
    let wanted = match top {
        Top::Count(n) => usize::try_from(n).unwrap_or_default(),
        Top::Share(basis_points) => {
            let exact = u128::try_from(basis_points).unwrap_or_default() * active as u128;
            usize::try_from(exact.div_ceil(10_000)).unwrap_or(active)
        }
    };
    wanted.max(1).min(active)
}

/// Computes the concentration from the revenues of the active partners, those of
/// all partners, and the total.
pub(crate) fn concentration(mut active: Vec<i64>, all: impl Iterator<Item = i64> + Clone, total: i128, top: Top) -> Concentration {
    let k = top_count(top, active.len());
    let share = (k > 0 && total > 0).then(|| {
        if k < active.len() {
            active.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
        }
        let sum: i128 = active.iter().take(k).map(|r| i128::from(*r).max(0)).sum();
        ratio(minor(sum), minor(total))
    });
    Concentration { top_count: count(k), share, hhi: hhi(all) }
}

/// Herfindahl–Hirschman index to three decimals, in integers up to the last step,
/// so that the order of summation does not matter.
fn hhi(all: impl Iterator<Item = i64> + Clone) -> Option<f64> {
    let positive = all.filter(|r| *r > 0).map(i128::from);
    let total: i128 = positive.clone().sum();
    // Keeps squares of the sum within 100 bits.
    let shift = (128 - total.leading_zeros()).saturating_sub(50);
    let sum = total >> shift;
    if sum == 0 {
        return None;
    }
    let squares: i128 = positive.map(|r| (r >> shift) * (r >> shift)).sum();
    let thousandths = i32::try_from(div_round(squares * 10_000_000, sum * sum)).ok()?;
    Some(f64::from(thousandths) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_is_a_share_rounded_up_or_a_count() {
        assert_eq!(top_count(Top::Share(1000), 30), 3);
        assert_eq!(top_count(Top::Share(1000), 31), 4);
        assert_eq!(top_count(Top::Share(1000), 1), 1);
        assert_eq!(top_count(Top::Share(0), 5), 1);
        assert_eq!(top_count(Top::Count(10), 60), 10);
        assert_eq!(top_count(Top::Count(10), 4), 4);
        assert_eq!(top_count(Top::Share(1000), 0), 0);
    }

    #[test]
    fn the_top_ten_have_68_percent() {
        let mut active = vec![680; 10];
        active.extend(vec![64; 50]);
        let c = concentration(active.clone(), active.into_iter(), 10_000, Top::Count(10));
        assert_eq!(c.share.unwrap().value, Some(0.68));
    }

    #[test]
    fn negative_revenue_ranks_as_zero_and_stays_in_the_total() {
        let c = concentration(vec![-50, 100], [-50, 100].into_iter(), 50, Top::Count(2));
        assert_eq!((c.share.unwrap().numerator, c.share.unwrap().denominator), (100, 50));
        assert_eq!(c.hhi, Some(10_000.0));
        assert_eq!(concentration(vec![-50], [-50].into_iter(), -50, Top::Count(1)).share, None);
        assert_eq!(concentration(vec![], [7].into_iter(), 7, Top::Count(1)).share, None);
    }

    #[test]
    fn the_index_of_even_shares() {
        let four = concentration(vec![], [25, 25, 25, 25].into_iter(), 100, Top::Count(1));
        assert_eq!(four.hhi, Some(2_500.0));
        let large = [i64::MAX / 4; 3];
        assert_eq!(concentration(vec![], large.into_iter(), 1, Top::Count(1)).hhi, Some(3_333.333));
    }
}
