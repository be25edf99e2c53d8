//! Certifications that people of partners hold. Overlaid: the first version holds
//! from the instant at which the certification was earned.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::enable::v1 as pb;

use super::kind::FactKind;
use crate::{
    column::{
        Placed,
        derive::{Overlaid, overlaid},
        intern::Interner,
        span::OPEN,
    },
    row::{Document, Row, micros, occurred},
};

pub(super) const KIND: FactKind = FactKind { number: 7, noun: "enable.certification_award", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(string, tag = "2")]
    product_line: String,
    #[prost(int64, tag = "3")]
    earn: i64,
    #[prost(int64, optional, tag = "4")]
    expire: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    revoke: Option<i64>,
    #[prost(string, tag = "6")]
    person: String,
}

/// A certification that a person of the partner holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Certification {
    pub(crate) earn: i64,
    /// Expiry or revocation, whichever comes first; [`OPEN`] if neither.
    pub(crate) end: i64,
    /// Product line; 0 if none.
    pub(crate) line: u32,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let award = decode::<pb::CertificationAwardEarned>(event)?.certification_award.unwrap_or_default();
    let state = Stored {
        partner: last(&award.partner).to_owned(),
        product_line: award.product_line,
        earn: micros(award.earn_time.as_ref()).unwrap_or_else(|| occurred(event)),
        expire: micros(award.expire_time.as_ref()),
        revoke: micros(award.revoke_time.as_ref()),
        person: award.person,
    };
    Document::new(KIND.number, &state).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Certification>) -> Result<()> {
    overlaid(rows, out, |_, state: Stored| {
        let end = state.expire.unwrap_or(OPEN).min(state.revoke.unwrap_or(OPEN));
        let value = Certification { earn: state.earn, end, line: interner.texts.intern(&state.product_line) };
        Overlaid { row: interner.partners.intern(&state.partner), value, first_from: state.earn }
    })
}
