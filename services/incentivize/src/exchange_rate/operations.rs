//! What finance does with rates.

use stoa_events::{Step, changed, record_first};
use stoa_kernel::{Cx, Error, Kind, Result, etag};
use stoa_proto::{
    incentivize::v1::{
        BatchCreateExchangeRatesRequest, BatchCreateExchangeRatesResponse, CreateExchangeRateRequest, ErrorReason, ExchangeRate,
        ExchangeRateRejection, ExchangeRateSet, ExchangeRateUpdated, UpdateExchangeRateRequest,
    },
    validate,
};
use stoa_store::{Tx, documents};

use super::{corrected, new, store::ExchangeRates};

/// Rates that one call sets.
const BATCH_MAX: usize = 1000;

/// Sets a rate, and tells whether it is new. The same rate again is no change.
async fn set(tx: &Tx, cx: &Cx, rate: ExchangeRate) -> Result<(ExchangeRate, bool)> {
    if let Some(set) = record_first::<ExchangeRates>(tx, cx, Step::new::<ExchangeRateSet>(rate.clone())).await? {
        return Ok((set, true));
    }
    let known = documents::get::<ExchangeRates, _>(tx.conn(), cx, &rate.name).await?;
    if known.rate_nanos == rate.rate_nanos {
        return Ok((known, false));
    }
    let message = format!(
        "{} holds the rate {} already; correct it with UpdateExchangeRate, or set one of a later date",
        rate.name, known.rate_nanos
    );
    Err(Error::new(Kind::AlreadyExists, ErrorReason::ExchangeRateConflict, message)
        .with_field("rate_nanos", "differs from the rate that is known for this date"))
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateExchangeRateRequest) -> Result<ExchangeRate> {
    cx.require_tenant_reach()?;
    let rate = new("exchange_rate", &request.exchange_rate.clone().unwrap_or_default())?;
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
        let done = match new("", input) {
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
    let current = documents::load::<ExchangeRates>(tx, cx, "exchange_rate.name", &input.name).await?;
    etag::require(&current, &input.etag)?;
    let rate = corrected(&current, &input, request.update_mask.as_ref())?;
    changed::<ExchangeRates, ExchangeRateUpdated>(tx, cx, &current, rate).await
}

fn rejected(index: i32, error: &Error) -> ExchangeRateRejection {
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    ExchangeRateRejection { index, field, reason: error.reason().as_str().to_owned(), message: error.message().to_owned() }
}
