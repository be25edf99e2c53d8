//! Tenant settings: one document a tenant, published to every service.

mod api;
pub(crate) mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Money, Result, Timestamp, etag, mask, money};
use stoa_proto::onboard::v1::{TenantSettings, TenantSettingsUpdated, UpdateTenantSettingsRequest};
use stoa_store::Tx;

/// Fields that a caller may change.
const CHANGEABLE: [&str; 6] =
    ["display_name", "reporting_currency", "time_zone", "fiscal_year_start_month", "cam_hour_cost", "default_program"];

/// Refuses settings that no report could be computed with.
fn check(settings: &TenantSettings) -> Result<()> {
    money::currency("tenant_settings.reporting_currency", &settings.reporting_currency)?;
    Timestamp::default().date(&settings.time_zone).map_err(|e| e.below("tenant_settings"))?;
    if let Some(cost) = &settings.cam_hour_cost {
        Money::not_negative("tenant_settings.cam_hour_cost", cost)?;
    }
    Ok(())
}

async fn update(tx: &Tx, cx: &Cx, request: &UpdateTenantSettingsRequest) -> Result<TenantSettings> {
    let input = request.tenant_settings.clone().unwrap_or_default();
    let current = store::lock(tx, cx).await?.unwrap_or_else(stoa_directory::default_settings);
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(request.update_mask.as_ref(), &CHANGEABLE, &input, &mut next)?;
    check(&next)?;
    if paths.is_empty() {
        return Ok(current);
    }
    next.etag = etag::next(&current.etag);
    next.update_time = Some(cx.now.proto());
    store::save(tx, cx, &next).await?;
    let fact = Fact::new(&next.name, etag::version(&next.etag)).changed(paths);
    stoa_events::append(tx, cx, fact, &TenantSettingsUpdated { tenant_settings: Some(next.clone()) }).await?;
    Ok(next)
}
