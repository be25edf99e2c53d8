//! What campaigns need to know from other services, looked up before the
//! transaction.

use stoa_kernel::{Cx, Reach, Result};
use stoa_proto::{market::v1::CreateMarketingCampaignRequest, onboard::v1::Partner};
use stoa_service::Deps;

/// Looks up the partner that executes the campaign.
pub(super) async fn partner(deps: &Deps, cx: &Cx, request: &CreateMarketingCampaignRequest) -> Result<Partner> {
    let named = request.marketing_campaign.as_ref().map(|campaign| campaign.partner.as_str()).unwrap_or_default();
    stoa_directory::acting_partner(deps, cx, "marketing_campaign.partner", named).await
}

/// Checks that a partner's people, who act on their own campaigns, have an
/// enrollment in force.
pub(super) async fn may_act<R>(deps: &Deps, cx: &Cx, _: &R) -> Result<()> {
    match cx.caller.reach {
        Reach::Partner(_) | Reach::Object(_) => stoa_directory::enrolled_for_write(deps, cx, "name", "").await.map(|_| ()),
        Reach::Tenant => Ok(()),
    }
}
