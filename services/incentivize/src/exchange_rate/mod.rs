//! Exchange rate: a pair of currencies, a date, a rate. One that was mistyped is
//! corrected: the next version replaces it, for amounts that were converted with
//! it, too.

mod api;
mod operations;
mod store;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Result, etag, mask, money, names};
use stoa_proto::incentivize::v1::ExchangeRate;

use crate::dates;

/// The rate as it is kept; the id follows from pair and date.
fn new(prefix: &str, input: &ExchangeRate, cx: &Cx) -> Result<ExchangeRate> {
    let field = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    let base = money::currency(&field("base_currency"), &input.base_currency)?;
    let quote = money::currency(&field("quote_currency"), &input.quote_currency)?;
    if base == quote {
        return Err(Error::invalid(field("quote_currency"), "must be another currency than base_currency"));
    }
    dates::parse(&field("date"), &input.date)?;
    let id = format!("{}-{}-{}", input.base_currency, input.quote_currency, input.date).to_ascii_lowercase();
    Ok(ExchangeRate {
        name: names::name("exchangeRates", &id),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    })
}

/// Fields that a correction may change.
const CHANGEABLE: [&str; 1] = ["rate_nanos"];

/// The rate as it is corrected, and the paths that changed. Pair and date are
/// what it is known by.
fn corrected(current: &ExchangeRate, input: &ExchangeRate, mask: Option<&FieldMask>, cx: &Cx) -> Result<(ExchangeRate, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    if next.rate_nanos <= 0 {
        return Err(Error::invalid("exchange_rate.rate_nanos", "must be more than 0"));
    }
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

#[cfg(test)]
mod unit_tests {
    use stoa_kernel::Clock;

    use super::*;

    fn rate(base: &str, quote: &str, date: &str) -> Result<ExchangeRate> {
        let input = ExchangeRate { base_currency: base.into(), quote_currency: quote.into(), date: date.into(), ..Default::default() };
        new("exchange_rate", &input, &Cx::service("t", "incentivize", &Clock::system(), ""))
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
            assert_eq!((error.fields()[0].field.as_str(), error.reason()), (field, reason));
        }
    }
}

#[cfg(test)]
mod tests;
