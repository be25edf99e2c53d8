//! Tenant settings: one document a tenant, published to every service.

mod api;
mod operations;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Money, Result, Timestamp, etag, mask, money, names};
use stoa_proto::onboard::v1::TenantSettings;

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
    names::optional_id("tenant_settings.default_program", "programs", &settings.default_program)?;
    Ok(())
}

/// The settings after a change, and the paths that changed.
fn changed(current: &TenantSettings, input: &TenantSettings, mask: Option<&FieldMask>, cx: &Cx) -> Result<(TenantSettings, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    check(&next)?;
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

#[cfg(test)]
mod tests;
