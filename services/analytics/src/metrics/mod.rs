//! The metrics: pure functions over a frame at a cut. Metric numbers are those in
//! `network_quality.proto`.

pub(crate) mod activation;
pub(crate) mod activity;
pub(crate) mod concentration;
pub(crate) mod figures;
pub(crate) mod filter;
pub(crate) mod inactivity;
pub(crate) mod membership;
pub(crate) mod population;
pub(crate) mod revenue;
pub(crate) mod standing;

use stoa_kernel::time::DAY_MICROS;
use stoa_proto::analytics::v1::Ratio;

use crate::column::span::Cut;

/// A question, without its breakdowns.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) cut: Cut,
    pub(crate) window_days: i64,
    pub(crate) filter: filter::Filter,
    /// Whether organizations count under their topmost ancestor.
    pub(crate) roll_up: bool,
    pub(crate) top: Top,
}

/// Which active partners count as the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Top {
    /// A share of the active partners, in basis points.
    Share(i64),
    /// A number of partners.
    Count(i64),
}

/// The instant a number of days before another one.
pub(crate) const fn days_before(at: i64, days: i64) -> i64 {
    at.saturating_sub(days.saturating_mul(DAY_MICROS))
}

/// A quotient. Its value is absent if the denominator is 0.
pub(crate) fn ratio(numerator: i64, denominator: i64) -> Ratio {
    #[expect(clippy::cast_precision_loss, reason = "the value is for display; the exact numbers are next to it")]
    let value = (denominator != 0).then(|| numerator as f64 / denominator as f64);
    Ratio { numerator, denominator, value }
}

/// Converts a sum to a value of the API. Sums beyond 64 bits are clamped.
pub(crate) fn minor(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum > 0 { i64::MAX } else { i64::MIN })
}

/// Converts a count to a value of the API.
pub(crate) fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_match_the_worked_examples() {
        let percent = |n, d| (ratio(n, d).value.unwrap() * 1000.0).round() / 10.0;
        assert_eq!(percent(60, 500), 12.0);
        assert_eq!(percent(65, 280), 23.2);
        assert_eq!(percent(65, 310), 21.0);
        assert_eq!(ratio(5, 0).value, None);
    }
}
