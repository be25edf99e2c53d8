//! Exchange rates, which are used to convert revenue. Dated.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::Result;
use stoa_proto::incentivize::v1 as pb;

use super::kind::FactKind;
use crate::{
    column::{
        Placed,
        derive::{Dated, dated},
        intern::Interner,
    },
    row::{Document, Row},
};

pub(super) const KIND: FactKind = FactKind { number: 11, noun: "incentivize.exchange_rate", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    base: String,
    #[prost(string, tag = "2")]
    quote: String,
    /// `YYYY-MM-DD`, a date in the tenant's zone.
    #[prost(string, tag = "3")]
    date: String,
    #[prost(int64, tag = "4")]
    nanos: i64,
}

/// An exchange rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rate {
    pub(crate) base: u32,
    pub(crate) quote: u32,
    /// Business date, as text.
    pub(crate) date: u32,
    pub(crate) nanos: i64,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let rate = decode::<pb::ExchangeRateSet>(event)?.exchange_rate.unwrap_or_default();
    let state = Stored { base: rate.base_currency, quote: rate.quote_currency, date: rate.date, nanos: rate.rate_nanos };
    Document::new(KIND.number, &state).map(Some)
}

/// A rate applies by its business date, not by the time at which it was set.
pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Rate>) -> Result<()> {
    dated(rows, out, |state: Stored| {
        let value = Rate {
            base: interner.texts.intern(&state.base),
            quote: interner.texts.intern(&state.quote),
            date: interner.texts.intern(&state.date),
            nanos: state.nanos,
        };
        Some(Dated { row: 0, at: i64::MIN, value })
    })
}
