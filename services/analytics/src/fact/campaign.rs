//! Co-branded campaigns as commercial activities. Dated.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::market::v1 as pb;

use super::{
    activity::{Activity, ActivityKind},
    kind::FactKind,
};
use crate::{
    column::{
        Placed,
        derive::{Dated, dated},
        intern::Interner,
    },
    row::{Document, Row, micros},
};

pub(super) const KIND: FactKind = FactKind { number: 9, noun: "market.marketing_campaign", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(bool, tag = "2")]
    co_branded: bool,
    #[prost(int64, optional, tag = "3")]
    deploy: Option<i64>,
}

/// A campaign counts from its deployment on. Earlier versions are not stored.
fn fold(event: &Event) -> Result<Option<Document>> {
    let campaign = decode::<pb::MarketingCampaignDeployed>(event)?.marketing_campaign.unwrap_or_default();
    if campaign.deploy_time.is_none() {
        return Ok(None);
    }
    let state = Stored {
        partner: last(&campaign.partner).to_owned(),
        co_branded: campaign.co_branded,
        deploy: micros(campaign.deploy_time.as_ref()),
    };
    Document::new(KIND.number, &state).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Activity>) -> Result<()> {
    dated(rows, out, |state: Stored| {
        let at = state.deploy.filter(|_| state.co_branded)?;
        Some(Dated { row: interner.partners.intern(&state.partner), at, value: Activity { at, kind: ActivityKind::Campaign } })
    })
}
