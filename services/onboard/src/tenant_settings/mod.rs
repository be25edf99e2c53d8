//! Tenant settings: one document per tenant, published to every service.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Money, Result, Timestamp, money, names};
use stoa_proto::onboard::v1::TenantSettings;

/// Refuses settings with which no report could be computed.
fn check(settings: &TenantSettings) -> Result<()> {
    money::currency("tenant_settings.reporting_currency", &settings.reporting_currency)?;
    Timestamp::default().date(&settings.time_zone).map_err(|e| e.below("tenant_settings"))?;
    if let Some(cost) = &settings.cam_hour_cost {
        Money::not_negative("tenant_settings.cam_hour_cost", cost)?;
    }
    names::optional_id("tenant_settings.default_program", "programs", &settings.default_program)?;
    Ok(())
}

#[cfg(test)]
mod tests;
