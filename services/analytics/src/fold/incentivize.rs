use stoa_events::{Event, decode};
use stoa_kernel::Result;
use stoa_proto::incentivize::v1 as pb;

use super::{Body, row};

/// Exchange rates are what revenue is converted with.
pub(super) fn body(event: &Event, noun: &str) -> Result<Option<Body>> {
    if noun != "exchange_rate" {
        return Ok(None);
    }
    let r = decode::<pb::ExchangeRateSet>(event)?.exchange_rate.unwrap_or_default();
    Ok(Some(Body::Rate(row::Rate { base: r.base_currency, quote: r.quote_currency, date: r.date, nanos: r.rate_nanos })))
}
