//! Tiers of the programs. Overlaid: the first version also covers the time before
//! it.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::Result;
use stoa_proto::onboard::v1 as pb;

use super::kind::FactKind;
use crate::{
    column::{
        Placed,
        derive::{Overlaid, overlaid},
        intern::Interner,
    },
    row::{Document, Row},
};

pub(super) const KIND: FactKind = FactKind { number: 2, noun: "onboard.tier", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    program: String,
    #[prost(string, tag = "2")]
    display_name: String,
    #[prost(int32, tag = "3")]
    rank: i32,
    #[prost(int64, optional, tag = "4")]
    threshold: Option<i64>,
    #[prost(string, tag = "5")]
    currency: String,
}

/// One tier of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tier {
    pub(crate) tier: u32,
    pub(crate) program: u32,
    pub(crate) display_name: u32,
    pub(crate) rank: i32,
    pub(crate) threshold: Option<i64>,
    pub(crate) currency: u32,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let tier = decode::<pb::TierUpdated>(event)?.tier.unwrap_or_default();
    let threshold = tier.revenue_threshold.unwrap_or_default();
    let state = Stored {
        program: tier.name.split("/tiers/").next().unwrap_or_default().to_owned(),
        display_name: tier.display_name,
        rank: tier.rank,
        threshold: (!threshold.currency_code.is_empty()).then_some(threshold.minor_units),
        currency: threshold.currency_code,
    };
    Document::new(KIND.number, &state).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Tier>) -> Result<()> {
    overlaid(rows, out, |row, state: Stored| {
        let value = Tier {
            tier: interner.texts.intern(&row.aggregate),
            program: interner.texts.intern(&state.program),
            display_name: interner.texts.intern(&state.display_name),
            rank: state.rank,
            threshold: state.threshold,
            currency: interner.texts.intern(&state.currency),
        };
        Overlaid { row: 0, value, first_from: i64::MIN }
    })
}
