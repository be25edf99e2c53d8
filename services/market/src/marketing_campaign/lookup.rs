//! What campaigns need to know of other services, found before the transaction.

use stoa_kernel::{Cx, Reach, Result};
use stoa_proto::{market::v1::CreateMarketingCampaignRequest, onboard::v1::Partner};
use stoa_service::Deps;

/// The partner that executes the campaign.
pub(super) async fn partner(deps: &Deps, cx: &Cx, request: &CreateMarketingCampaignRequest) -> Result<Partner> {
    let named = request.marketing_campaign.as_ref().map(|campaign| campaign.partner.as_str()).unwrap_or_default();
    stoa_directory::acting_partner(deps, cx, "marketing_campaign.partner", named).await
}

/// That a partner's people have an enrollment in force, for what happens to a
/// campaign of their own.
pub(super) async fn may_act<R>(deps: &Deps, cx: &Cx, _: &R) -> Result<()> {
    match cx.caller.reach {
        Reach::Partner(_) => stoa_directory::enrolled_for_write(deps, cx, "name", "").await.map(|_| ()),
        Reach::Tenant => Ok(()),
    }
}
