//! Attributes of the partner organizations. Overlaid: the first version also
//! covers the time before it.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
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

pub(super) const KIND: FactKind = FactKind { number: 3, noun: "onboard.partner", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(string, tag = "3")]
    territory: String,
    #[prost(string, tag = "4")]
    vertical: String,
    #[prost(string, tag = "5")]
    parent: String,
    #[prost(string, repeated, tag = "6")]
    visible_to: Vec<String>,
}

/// Attributes of a partner organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attributes {
    pub(crate) kind: i32,
    pub(crate) territory: u32,
    pub(crate) vertical: u32,
    /// Parent; [`NO_PARTNER`](crate::column::intern::NO_PARTNER) at the top.
    pub(crate) parent: u32,
    pub(crate) display_name: u32,
    /// List of partners that may see this one.
    pub(crate) visible_to: u32,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let partner = decode::<pb::PartnerUpdated>(event)?.partner.unwrap_or_default();
    let state = Stored {
        display_name: partner.display_name,
        kind: partner.r#type,
        territory: partner.territory,
        vertical: partner.vertical,
        parent: last(&partner.parent).to_owned(),
        visible_to: partner.visible_to,
    };
    Document::new(KIND.number, &state).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Attributes>) -> Result<()> {
    overlaid(rows, out, |row, state: Stored| {
        let visible_to: Vec<i64> = state.visible_to.iter().map(|id| i64::from(interner.partners.intern(id))).collect();
        let value = Attributes {
            kind: state.kind,
            territory: interner.texts.intern(&state.territory),
            vertical: interner.texts.intern(&state.vertical),
            parent: interner.partners.intern(&state.parent),
            display_name: interner.texts.intern(&state.display_name),
            visible_to: interner.lists.intern(&visible_to),
        };
        Overlaid { row: interner.partners.intern(last(&row.aggregate)), value, first_from: i64::MIN }
    })
}
