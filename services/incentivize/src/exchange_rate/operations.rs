//! What finance does with rates.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Kind, Result, etag, names};
use stoa_proto::{
    incentivize::v1::{
        BatchCreateExchangeRatesRequest, BatchCreateExchangeRatesResponse, CreateExchangeRateRequest, ErrorReason, ExchangeRate,
        ExchangeRateRejection, ExchangeRateSet, ExchangeRateUpdated, UpdateExchangeRateRequest,
    },
    validate,
};
use stoa_store::Tx;

use super::{corrected, new, store};

/// Rates that one call sets.
const BATCH_MAX: usize = 1000;

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
    let message = format!(
        "{} holds the rate {} already; correct it with UpdateExchangeRate, or set one of a later date",
        rate.name, known.rate_nanos
    );
    Err(Error::new(Kind::AlreadyExists, ErrorReason::ExchangeRateConflict.as_str_name(), message)
        .with_field("rate_nanos", "differs from the rate that is known for this date"))
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateExchangeRateRequest) -> Result<ExchangeRate> {
    cx.require_tenant_reach()?;
    let rate = new("exchange_rate", &request.exchange_rate.clone().unwrap_or_default(), cx)?;
    Ok(set(tx, cx, rate).await?.0)
}

pub(super) async fn batch_create(tx: &Tx, cx: &Cx, request: &BatchCreateExchangeRatesRequest) -> Result<BatchCreateExchangeRatesResponse> {
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

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateExchangeRateRequest) -> Result<ExchangeRate> {
    cx.require_tenant_reach()?;
    let input = request.exchange_rate.clone().unwrap_or_default();
    let id = names::id("exchange_rate.name", "exchangeRates", &input.name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&input.name))?;
    let (rate, paths) = corrected(&current, &input, request.update_mask.as_ref(), cx)?;
    if !paths.is_empty() {
        store::save(tx, cx, &rate).await?;
        let fact = Fact::new(&rate.name, etag::version(&rate.etag)).changed(paths);
        stoa_events::append(tx, cx, fact, &ExchangeRateUpdated { exchange_rate: Some(rate.clone()) }).await?;
    }
    Ok(rate)
}

fn rejected(index: i32, error: &Error) -> ExchangeRateRejection {
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    ExchangeRateRejection { index, field, reason: error.reason().to_owned(), message: error.message().to_owned() }
}
