//! Days on which partners used the portal. Dated.

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

pub(super) const KIND: FactKind = FactKind { number: 8, noun: "enable.portal_activity", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(string, tag = "2")]
    element: String,
    #[prost(int64, tag = "3")]
    first: i64,
}

/// A day on which a program element was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PortalDay {
    pub(crate) at: i64,
    pub(crate) element: u32,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let activity = decode::<pb::PortalActivityRecorded>(event)?.portal_activity.unwrap_or_default();
    let state = Stored {
        partner: last(&activity.partner).to_owned(),
        element: activity.element,
        first: micros(activity.first_view_time.as_ref()).unwrap_or_else(|| occurred(event)),
    };
    Document::new(KIND.number, &state).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<PortalDay>) -> Result<()> {
    dated(rows, out, |state: Stored| {
        let value = PortalDay { at: state.first, element: interner.texts.intern(&state.element) };
        Some(Dated { row: interner.partners.intern(&state.partner), at: state.first, value })
    })
}
