//! Exchange rate: a pair of currencies, a date, a rate. One that was mistyped is
//! corrected: the next version replaces it, for amounts that were converted with
//! it, too.

mod api;
mod operations;
mod store;

use prost_types::FieldMask;
use stoa_kernel::{Error, Result, mask, money, names};
use stoa_proto::incentivize::v1::ExchangeRate;

use crate::dates;

/// The rate as it is kept; the id follows from pair and date.
fn new(prefix: &str, input: &ExchangeRate) -> Result<ExchangeRate> {
    let field = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    let base = money::currency(&field("base_currency"), &input.base_currency)?;
    let quote = money::currency(&field("quote_currency"), &input.quote_currency)?;
    if base == quote {
        return Err(Error::invalid(field("quote_currency"), "must be another currency than base_currency"));
    }
    dates::parse(&field("date"), &input.date)?;
    let id = format!("{}-{}-{}", input.base_currency, input.quote_currency, input.date).to_ascii_lowercase();
    Ok(ExchangeRate { name: names::name("exchangeRates", &id), ..input.clone() })
}

/// The rate as it is corrected. Pair and date are what it is known by.
fn corrected(current: &ExchangeRate, input: &ExchangeRate, mask: Option<&FieldMask>) -> Result<ExchangeRate> {
    let mut next = current.clone();
    mask::apply(mask, input, &mut next)?;
    if next.rate_nanos <= 0 {
        return Err(Error::invalid("exchange_rate.rate_nanos", "must be more than 0"));
    }
    Ok(next)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn rate(base: &str, quote: &str, date: &str) -> Result<ExchangeRate> {
        let input = ExchangeRate { base_currency: base.into(), quote_currency: quote.into(), date: date.into(), ..Default::default() };
        new("exchange_rate", &input)
    }

    #[test]
    fn the_name_follows_from_pair_and_date() {
        assert_eq!(rate("USD", "EUR", "2026-01-31").unwrap().name, "exchangeRates/usd-eur-2026-01-31");
    }

    #[test]
    fn bad_rates_name_their_field() {
        for (base, quote, date, field, reason) in [
            ("XQX", "EUR", "2026-01-31", "exchange_rate.base_currency", "CURRENCY_UNKNOWN"),
            ("USD", "QQQ", "2026-01-31", "exchange_rate.quote_currency", "CURRENCY_UNKNOWN"),
            ("USD", "USD", "2026-01-31", "exchange_rate.quote_currency", "INVALID_FIELD"),
            ("USD", "EUR", "2026-02-31", "exchange_rate.date", "INVALID_FIELD"),
        ] {
            let error = rate(base, quote, date).unwrap_err();
            assert_eq!((error.fields()[0].field.as_str(), error.reason().as_str()), (field, reason));
        }
    }
}

#[cfg(test)]
mod tests;
