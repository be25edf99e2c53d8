//! Commands on exchange rates.

use std::collections::BTreeMap;

use stoa_events::{Step, record_changed, record_each_first, record_first};
use stoa_kernel::{Cx, Error, Kind, Reason, Result, etag, names};
use stoa_proto::{
    common::v1::ErrorReason as Common,
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

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateExchangeRateRequest) -> Result<ExchangeRate> {
    cx.require_tenant_reach()?;
    let rate = new("exchange_rate", &request.exchange_rate.clone().unwrap_or_default())?;
    if let Some(set) = record_first::<ExchangeRates>(tx, cx, Step::new::<ExchangeRateSet>(rate.clone())).await? {
        return Ok(set);
    }
    same(documents::get::<ExchangeRates, _>(tx.conn(), cx, &rate.name).await?, &rate)
}

/// The known rate, if the one to be set is the same.
fn same(known: ExchangeRate, rate: &ExchangeRate) -> Result<ExchangeRate> {
    if known.rate_nanos == rate.rate_nanos {
        return Ok(known);
    }
    let message = format!(
        "{} already holds the rate {}. Correct it with UpdateExchangeRate, or set one for a later date.",
        rate.name, known.rate_nanos
    );
    Err(Error::new(Kind::AlreadyExists, ErrorReason::ExchangeRateConflict, message)
        .with_field("rate_nanos", "differs from the rate that is known for this date"))
}

pub(super) async fn batch_create(tx: &Tx, cx: &Cx, request: &BatchCreateExchangeRatesRequest) -> Result<BatchCreateExchangeRatesResponse> {
    cx.require_tenant_reach()?;
    if request.exchange_rates.len() > BATCH_MAX {
        let message = format!("must have at most {BATCH_MAX} entries, not {}", request.exchange_rates.len());
        return Err(Error::invalid("exchange_rates", message));
    }
    let mut answer = BatchCreateExchangeRatesResponse::default();
    let mut rates = Vec::with_capacity(request.exchange_rates.len());
    for (index, input) in (0_i32..).zip(&request.exchange_rates) {
        match checked(index, input) {
            Ok(rate) => rates.push((index, rate)),
            Err(rejections) => answer.rejections.extend(rejections),
        }
    }
    let steps = rates.iter().map(|(_, rate)| Step::new::<ExchangeRateSet>(rate.clone()));
    let new = record_each_first::<ExchangeRates>(tx, cx, steps).await?;
    let known = known(tx, cx, rates.iter().zip(&new).filter(|(_, new)| new.is_none()).map(|((_, rate), _)| rate)).await?;
    for ((index, rate), new) in rates.into_iter().zip(new) {
        let is_new = new.is_some();
        let rate = match new {
            Some(new) => Ok(new),
            None => same(known.get(&rate.name).cloned().ok_or_else(|| Error::not_found(&rate.name))?, &rate),
        };
        match rate {
            Ok(rate) => {
                answer.created_count += i32::from(is_new);
                answer.exchange_rates.push(rate);
            }
            Err(error) => answer.rejections.push(rejected(index, &error)),
        }
    }
    answer.rejections.sort_by_key(|rejection| rejection.index);
    Ok(answer)
}

/// The rate that an entry sets, or what is wrong with it.
fn checked(index: i32, input: &ExchangeRate) -> Result<ExchangeRate, Vec<ExchangeRateRejection>> {
    let invalid = |violation: validate::Violation| ExchangeRateRejection {
        index,
        field: violation.field,
        reason: Reason::from(Common::InvalidField).to_string(),
        message: violation.message,
    };
    let violations = validate::violations(input);
    if !violations.is_empty() {
        return Err(violations.into_iter().map(invalid).collect());
    }
    new("", input).map_err(|error| vec![rejected(index, &error)])
}

/// The known rates of the names of some, by name.
async fn known(tx: &Tx, cx: &Cx, rates: impl Iterator<Item = &ExchangeRate>) -> Result<BTreeMap<String, ExchangeRate>> {
    let found = documents::find_all::<ExchangeRates, _>(tx.conn(), cx, rates.map(|rate| names::last(&rate.name))).await?;
    Ok(found.into_values().map(|rate| (rate.name.clone(), rate)).collect())
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateExchangeRateRequest) -> Result<ExchangeRate> {
    cx.require_tenant_reach()?;
    let input = request.exchange_rate.clone().unwrap_or_default();
    let current = documents::load::<ExchangeRates>(tx, cx, "exchange_rate.name", &input.name).await?;
    etag::require(&current, &input.etag)?;
    let rate = corrected(&current, &input, request.update_mask.as_ref())?;
    record_changed::<ExchangeRates, ExchangeRateUpdated>(tx, cx, &current, rate).await
}

fn rejected(index: i32, error: &Error) -> ExchangeRateRejection {
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    ExchangeRateRejection { index, field, reason: error.reason().to_string(), message: error.message().to_owned() }
}
