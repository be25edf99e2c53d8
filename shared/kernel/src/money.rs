//! Exact money: whole minor units and an ISO 4217 code, never a float.

use std::str::FromStr;

use iso_currency::Currency;
use stoa_proto::common::v1 as pb;

use crate::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;

/// An exact amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Whole minor units, for example cents.
    pub minor: i64,
    /// Currency.
    pub currency: Currency,
}

/// The currency with an ISO 4217 code. Codes of what nobody can pay in are
/// refused: metals, units of account between banks, and placeholders.
///
/// # Errors
/// INVALID_ARGUMENT `CURRENCY_UNKNOWN` naming `field`.
pub fn currency(field: &str, code: &str) -> Result<Currency, Error> {
    let known = Currency::from_str(code).ok().filter(|currency| !currency.is_special());
    known.ok_or_else(|| {
        let message = format!("must be the ISO 4217 code of a currency to pay in, for example `USD`, is `{code}`");
        Error::invalid(field, message).with_reason(ErrorReason::CurrencyUnknown)
    })
}

/// Number of digits after the decimal point of a currency, for example 2 for
/// USD.
#[must_use]
pub fn exponent(currency: Currency) -> u32 {
    u32::from(currency.exponent().unwrap_or_default())
}

impl Money {
    /// Zero in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads an amount from the API.
    ///
    /// # Errors
    /// INVALID_ARGUMENT `CURRENCY_UNKNOWN`, naming the currency code below
    /// `field`.
    pub fn from_proto(field: &str, money: &pb::Money) -> Result<Self, Error> {
        Ok(Self { minor: money.minor_units, currency: currency(&format!("{field}.currency_code"), &money.currency_code)? })
    }

    /// Reads an amount from the API that must not be negative.
    ///
    /// # Errors
    /// As for [`Money::from_proto`], and INVALID_ARGUMENT for a negative
    /// amount.
    pub fn not_negative(field: &str, money: &pb::Money) -> Result<Self, Error> {
        let amount = Self::from_proto(field, money)?;
        if amount.minor < 0 {
            return Err(Error::invalid(format!("{field}.minor_units"), format!("must not be negative, but is {}", amount.minor)));
        }
        Ok(amount)
    }

    /// The amount as the API carries it.
    #[must_use]
    pub fn proto(self) -> pb::Money {
        pb::Money { minor_units: self.minor, currency_code: self.currency.code().to_owned() }
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH` for different currencies, `AMOUNT_OVERFLOW` beyond
    /// 64 bits.
    #[expect(clippy::should_implement_trait, reason = "an operator could not fail")]
    pub fn add(self, other: Self) -> Result<Self, Error> {
        if self.currency != other.currency {
            return Err(Error::precondition(
                ErrorReason::CurrencyMismatch,
                format!("amounts in {} and {} cannot be added. Convert one first.", self.currency.code(), other.currency.code()),
            ));
        }
        self.minor.checked_add(other.minor).map(|minor| Self { minor, ..self }).ok_or_else(overflow)
    }

    /// The share of `basis_points` (1/10,000), rounded half away from zero.
    ///
    /// # Errors
    /// `AMOUNT_OVERFLOW` beyond 64 bits.
    pub fn share(self, basis_points: i64) -> Result<Self, Error> {
        let exact = i128::from(self.minor) * i128::from(basis_points);
        let minor = i64::try_from(div_round(exact, 10_000)).map_err(|_| overflow())?;
        Ok(Self { minor, ..self })
    }

    /// Converts with a rate of `rate_nanos / 10^9` units of the target currency
    /// for one unit of this currency, rounded half away from zero.
    ///
    /// # Errors
    /// `AMOUNT_OVERFLOW` beyond 64 bits.
    pub fn convert(self, to: Currency, rate_nanos: i64) -> Result<Self, Error> {
        let scale = 10_i128.pow(exponent(to));
        let unscale = 10_i128.pow(exponent(self.currency)) * 1_000_000_000;
        let exact = (i128::from(self.minor) * i128::from(rate_nanos)).checked_mul(scale).ok_or_else(overflow)?;
        let minor = i64::try_from(div_round(exact, unscale)).map_err(|_| overflow())?;
        Ok(Self { minor, currency: to })
    }

    /// The amount for people: `10,005,534.00 USD`.
    #[must_use]
    pub fn human(self) -> String {
        let digits = exponent(self.currency) as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let all = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, part) = all.split_at(all.len() - digits);
        let mut grouped = String::new();
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let point = if digits > 0 { "." } else { "" };
        format!("{sign}{grouped}{point}{part} {}", self.currency.code())
    }
}

/// `a / b` rounded half away from zero.
#[must_use]
pub fn div_round(a: i128, b: i128) -> i128 {
    let (a, b) = if b < 0 { (-a, -b) } else { (a, b) };
    if a >= 0 { (a + b / 2) / b } else { -((-a + b / 2) / b) }
}

/// Splits an amount by weights with the largest remainder method, so that the
/// parts add up to it exactly. Ties go to the earlier part. If all weights are
/// zero, the first part gets everything.
///
/// # Errors
/// INVALID_ARGUMENT if there are no weights or one is negative.
pub fn split(total: i64, weights: &[i64]) -> Result<Vec<i64>, Error> {
    if weights.is_empty() || weights.iter().any(|w| *w < 0) {
        return Err(Error::invalid("weights", "must be given and must not be negative"));
    }
    let sum: i128 = weights.iter().map(|w| i128::from(*w)).sum();
    if sum == 0 {
        let mut parts = vec![0; weights.len()];
        parts[0] = total;
        return Ok(parts);
    }
    let (sign, size) = (i128::from(total.signum()), i128::from(total).abs());
    let mut parts: Vec<i128> = weights.iter().map(|w| size * i128::from(*w) / sum).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let remainder = |i: usize| size * i128::from(weights[i]) % sum;
    order.sort_by(|a, b| remainder(*b).cmp(&remainder(*a)).then(a.cmp(b)));
    let rest = usize::try_from(size - parts.iter().sum::<i128>()).unwrap_or_default();
    for i in order.into_iter().take(rest) {
        parts[i] += 1;
    }
    parts.into_iter().map(|p| i64::try_from(p * sign).map_err(|_| overflow())).collect()
}

fn overflow() -> Error {
    Error::new(Kind::InvalidArgument, ErrorReason::AmountOverflow, "the amount does not fit into 64 bits. Use smaller amounts.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_add_up(total in any::<i64>().prop_filter("abs", |n| *n != i64::MIN), weights in prop::collection::vec(0_i64..1_000_000, 1..20)) {
            let parts = split(total, &weights).unwrap();
            prop_assert_eq!(parts.iter().map(|p| i128::from(*p)).sum::<i128>(), i128::from(total));
        }

        #[test]
        fn a_part_is_within_one_unit_of_its_exact_share(total in -1_000_000_i64..1_000_000, weights in prop::collection::vec(1_i64..1000, 1..10)) {
            let sum: i64 = weights.iter().sum();
            for (part, weight) in split(total, &weights).unwrap().iter().zip(&weights) {
                prop_assert!((i128::from(*part) * i128::from(sum) - i128::from(total) * i128::from(*weight)).abs() < i128::from(sum));
            }
        }
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let money = |minor| Money { minor, currency: Currency::USD };
        assert_eq!(money(1005).share(1000).unwrap().minor, 101);
        assert_eq!(money(-1005).share(1000).unwrap().minor, -101);
        assert_eq!(money(i64::MAX).share(20_000).unwrap_err().reason(), "AMOUNT_OVERFLOW");
    }

    #[test]
    fn what_nobody_pays_in_is_no_currency() {
        for code in ["USD", "JPY", "KWD", "CLF", "XAF", "XCD", "XCG", "XOF", "XPF"] {
            assert_eq!(currency("c", code).unwrap().code(), code);
        }
        let no_money = ["XAD", "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"];
        for code in no_money.into_iter().chain(["", "usd", "US", "ZZZ"]) {
            let refused = currency("c", code).unwrap_err();
            assert_eq!((refused.reason().as_str(), refused.fields()[0].field.as_str()), ("CURRENCY_UNKNOWN", "c"), "{code}");
        }
        let amount = pb::Money { minor_units: 1, currency_code: "XTS".into() };
        assert_eq!(Money::from_proto("amount", &amount).unwrap_err().fields()[0].field, "amount.currency_code");
    }

    #[test]
    fn currencies_with_other_exponents_convert() {
        let usd = Money { minor: 12_345, currency: Currency::USD };
        assert_eq!(usd.convert(Currency::JPY, 150_000_000_000).unwrap().minor, 18_518);
        assert_eq!(usd.convert(Currency::KWD, 307_000_000).unwrap().minor, 37_899);
        assert_eq!(usd.add(Money::zero(Currency::EUR)).unwrap_err().reason(), "CURRENCY_MISMATCH");
    }

    #[test]
    fn people_read_groups_and_decimals() {
        assert_eq!(Money { minor: 1_000_553_400, currency: Currency::USD }.human(), "10,005,534.00 USD");
        assert_eq!(Money { minor: -5, currency: Currency::USD }.human(), "-0.05 USD");
        assert_eq!(Money { minor: 1234, currency: Currency::JPY }.human(), "1,234 JPY");
    }
}
