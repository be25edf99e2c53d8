//! What happens to tenant settings by command.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::onboard::v1::{TenantSettings, TenantSettingsUpdated, UpdateTenantSettingsRequest};
use stoa_store::Tx;

use super::{changed, store};
use crate::program;

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateTenantSettingsRequest) -> Result<TenantSettings> {
    let input = request.tenant_settings.clone().unwrap_or_default();
    let current = store::lock(tx, cx).await?.unwrap_or_else(stoa_directory::default_settings);
    let (settings, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if paths.is_empty() {
        return Ok(current);
    }
    if settings.default_program != current.default_program {
        check_program(tx, cx, &settings.default_program).await?;
    }
    store::save(tx, cx, &settings).await?;
    let fact = Fact::new(&settings.name, etag::version(&settings.etag)).changed(paths);
    stoa_events::append(tx, cx, fact, &TenantSettingsUpdated { tenant_settings: Some(settings.clone()) }).await?;
    Ok(settings)
}

/// The default program exists, where there is one.
async fn check_program(tx: &Tx, cx: &Cx, name: &str) -> Result<()> {
    if name.is_empty() || program::store::find(tx.conn(), cx, names::last(name)).await?.is_some() {
        return Ok(());
    }
    Err(Error::reference_not_found("tenant_settings.default_program", name))
}
