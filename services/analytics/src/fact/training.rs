//! Courses that people of partners completed. Dated.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::enable::v1 as pb;

use super::kind::FactKind;
use crate::{
    column::{
        Placed,
        derive::{Dated, dated},
        intern::Interner,
    },
    row::{Document, Row, micros, occurred},
};

pub(crate) const KIND: FactKind = FactKind { number: 6, noun: "enable.course_completion", fold };

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stored {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(int64, tag = "2")]
    pub(crate) complete: i64,
    #[prost(string, tag = "3")]
    pub(crate) product_line: String,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let completion = decode::<pb::CourseCompletionRecorded>(event)?.course_completion.unwrap_or_default();
    let state = Stored {
        partner: last(&completion.partner).to_owned(),
        complete: micros(completion.complete_time.as_ref()).unwrap_or_else(|| occurred(event)),
        product_line: completion.product_line,
    };
    Document::new(KIND.number, &state).map(Some)
}

/// Derives the instants of completion.
pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<i64>) -> Result<()> {
    dated(rows, out, |state: Stored| {
        Some(Dated { row: interner.partners.intern(&state.partner), at: state.complete, value: state.complete })
    })
}
