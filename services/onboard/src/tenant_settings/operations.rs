//! Commands on tenant settings.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result, etag, mask};
use stoa_proto::onboard::v1::{TenantSettings, TenantSettingsUpdated, UpdateTenantSettingsRequest};
use stoa_store::{Tx, documents};

use super::{
    check,
    store::{ID, Settings},
};
use crate::program::store::Programs;

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateTenantSettingsRequest) -> Result<TenantSettings> {
    cx.require_tenant_reach()?;
    let input = request.tenant_settings.clone().unwrap_or_default();
    let recorded = documents::lock::<Settings>(tx, cx, ID).await?;
    let current = recorded.clone().unwrap_or_else(stoa_directory::default_settings);
    etag::require(&current, &input.etag)?;
    let mut next = current.clone();
    let changed = mask::apply(request.update_mask.as_ref(), &input, &mut next)?;
    check(&next)?;
    // Settings that are still the defaults do not get a first version.
    if changed.is_empty() {
        return Ok(current);
    }
    if next.default_program != current.default_program && !next.default_program.is_empty() {
        documents::get_referenced::<Programs, _>(tx.conn(), cx, "tenant_settings.default_program", &next.default_program).await?;
    }
    record::<Settings>(tx, cx, recorded.as_ref(), [Step::new::<TenantSettingsUpdated>(next)]).await
}
