//! Human-readable figures.

use stoa_kernel::{Money, money};
use stoa_proto::{analytics::v1::Ratio, common::v1 as common};

/// Width of a full bar in characters.
const BAR_CHARS: usize = 24;

/// A bar for a share of 0 to 1.
pub(super) fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (BAR_CHARS * 8) as f64).round() as usize;
    let parts = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let mut text = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        text.push(parts[eighths % 8 - 1]);
    }
    text
}

/// `12.0 %`, or `–` if there is no value.
pub(super) fn percent(ratio: Option<&Ratio>) -> String {
    match ratio.and_then(|r| r.value) {
        Some(value) => format!("{:.1} %", value * 100.0),
        None => "–".to_owned(),
    }
}

pub(super) fn share(ratio: Option<&Ratio>) -> f64 {
    ratio.and_then(|r| r.value).unwrap_or_default()
}

/// A human-readable amount.
pub(super) fn amount(money: Option<&common::Money>) -> String {
    money.and_then(|m| Money::from_proto("amount", m).ok()).map_or_else(|| "–".to_owned(), Money::human)
}

/// A human-readable amount of minor units.
pub(super) fn minor(units: i64, code: &str) -> String {
    match money::currency("currency", code) {
        Ok(currency) => Money { minor: units, currency }.human(),
        Err(_) => units.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_their_share() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1.0).chars().count(), BAR_CHARS);
        assert_eq!(bar(0.5), "█".repeat(BAR_CHARS / 2));
        assert_eq!(bar(7.0), bar(1.0));
    }

    #[test]
    fn an_absent_value_is_a_dash() {
        assert_eq!(percent(None), "–");
        assert_eq!(percent(Some(&Ratio { numerator: 60, denominator: 500, value: Some(0.12) })), "12.0 %");
    }
}
