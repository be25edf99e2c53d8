use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::market::v1 as pb;

use super::{Body, micros, row};

/// A campaign counts from its deployment on; what came before is not kept.
pub(super) fn body(event: &Event, noun: &str) -> Result<Option<Body>> {
    if noun != "marketing_campaign" {
        return Ok(None);
    }
    let c = decode::<pb::MarketingCampaignDeployed>(event)?.marketing_campaign.unwrap_or_default();
    Ok(c.deploy_time.is_some().then(|| {
        Body::Campaign(row::Campaign {
            partner: last(&c.partner).to_owned(),
            co_branded: c.co_branded,
            deploy: micros(c.deploy_time.as_ref()),
        })
    }))
}
