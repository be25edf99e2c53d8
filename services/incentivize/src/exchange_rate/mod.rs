//! Exchange rate: a pair of currencies, a date, a rate. It is never changed.

mod api;
mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Kind, Result, etag, money, names};
use stoa_proto::{
    incentivize::v1::{
        BatchCreateExchangeRatesRequest, BatchCreateExchangeRatesResponse, CreateExchangeRateRequest, ErrorReason, ExchangeRate,
        ExchangeRateRejection, ExchangeRateSet,
    },
    validate,
};
use stoa_store::Tx;

use crate::dates;

/// Rates that one call sets.
const BATCH_MAX: usize = 1000;

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
    Ok(ExchangeRate { name: names::name("exchangeRates", &id), etag: etag::of(1), create_time: Some(cx.now.proto()), ..input.clone() })
}

/// Sets a rate, and tells whether it is new. The same rate again is no change.
async fn set(tx: &Tx, cx: &Cx, rate: ExchangeRate) -> Result<(ExchangeRate, bool)> {
    if store::insert(tx, cx, &rate).await? {
        stoa_events::append(tx, cx, Fact::new(&rate.name, 1), &ExchangeRateSet { exchange_rate: Some(rate.clone()) }).await?;
        return Ok((rate, true));
    }
    let known = store::find(tx.conn(), cx, names::last(&rate.name)).await?.ok_or_else(|| Error::internal("a rate is gone"))?;
    if known.rate_nanos == rate.rate_nanos {
        return Ok((known, false));
    }
    let message = format!("{} holds the rate {} already; a rate is never changed: set one of a later date", rate.name, known.rate_nanos);
    Err(Error::new(Kind::AlreadyExists, ErrorReason::ExchangeRateConflict.as_str_name(), message)
        .with_field("rate_nanos", "differs from the rate that is known for this date"))
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateExchangeRateRequest) -> Result<ExchangeRate> {
    cx.require_tenant_reach()?;
    let rate = new("exchange_rate", &request.exchange_rate.clone().unwrap_or_default(), cx)?;
    Ok(set(tx, cx, rate).await?.0)
}

async fn batch_create(tx: &Tx, cx: &Cx, request: &BatchCreateExchangeRatesRequest) -> Result<BatchCreateExchangeRatesResponse> {
    cx.require_tenant_reach()?;
    if request.exchange_rates.len() > BATCH_MAX {
        let message = format!("must have at most {BATCH_MAX} entries, has {}", request.exchange_rates.len());
        return Err(Error::invalid("exchange_rates", message));
    }
    let mut answer = BatchCreateExchangeRatesResponse::default();
    for (index, input) in (0_i32..).zip(&request.exchange_rates) {
        let broken = validate::violations(input);
        if !broken.is_empty() {
            answer.rejections.extend(broken.into_iter().map(|v| ExchangeRateRejection {
                index,
                field: v.field,
                reason: "INVALID_FIELD".to_owned(),
                message: v.message,
            }));
            continue;
        }
        let done = match new("", input, cx) {
            Ok(rate) => set(tx, cx, rate).await,
            Err(error) => Err(error),
        };
        match done {
            Ok((rate, is_new)) => {
                answer.created_count += i32::from(is_new);
                answer.exchange_rates.push(rate);
            }
            Err(error) if matches!(error.kind(), Kind::InvalidArgument | Kind::AlreadyExists) => {
                answer.rejections.push(rejected(index, &error))
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

fn rejected(index: i32, error: &Error) -> ExchangeRateRejection {
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    ExchangeRateRejection { index, field, reason: error.reason().to_owned(), message: error.message().to_owned() }
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
