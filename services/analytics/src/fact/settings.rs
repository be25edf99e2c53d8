//! Settings of the tenant: the reporting currency and the time zone of dates.
//! Overlaid: the first version also covers the time before it.

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

pub(super) const KIND: FactKind = FactKind { number: 1, noun: "onboard.tenant_settings", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    currency: String,
    #[prost(string, tag = "2")]
    zone: String,
}

/// Settings of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Settings {
    pub(crate) currency: u32,
    pub(crate) zone: u32,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let settings = decode::<pb::TenantSettingsUpdated>(event)?.tenant_settings.unwrap_or_default();
    Document::new(KIND.number, &Stored { currency: settings.reporting_currency, zone: settings.time_zone }).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Settings>) -> Result<()> {
    overlaid(rows, out, |_, state: Stored| {
        let value = Settings { currency: interner.texts.intern(&state.currency), zone: interner.texts.intern(&state.zone) };
        Overlaid { row: 0, value, first_from: i64::MIN }
    })
}
