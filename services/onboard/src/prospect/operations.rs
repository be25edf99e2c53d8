//! Changes to prospects, by command and together with their enrollments.

use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Result, etag, names};
use stoa_proto::onboard::v1::{
    AdvanceProspectRequest, CloseProspectRequest, CreateProspectRequest, Prospect, ProspectAdvanced, ProspectClosed, ProspectConverted,
    ProspectCreated, ProspectReopened, ProspectUpdated, ReopenProspectRequest, UpdateProspectRequest,
};
use stoa_store::{Tx, documents};

use super::{
    Command, closed, converted, duplicate_key, new,
    store::{self, Prospects},
    updated, with_next_state,
};
use crate::scope::require_writer;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateProspectRequest) -> Result<Prospect> {
    let id = cx.chosen_id("prospect_id", &request.prospect_id)?;
    let prospect = new(&id, &request.prospect.clone().unwrap_or_default())?;
    store::refuse_duplicate(tx, cx, &prospect).await?;
    record_created::<Prospects, ProspectCreated>(tx, cx, prospect).await
}

/// Loads and locks the prospect for a caller that may change it.
async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, etag: &str) -> Result<Prospect> {
    let current = documents::load::<Prospects>(tx, cx, field, name).await?;
    if !current.partner.is_empty() {
        require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    }
    etag::require(&current, etag)?;
    Ok(current)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateProspectRequest) -> Result<Prospect> {
    let input = request.prospect.clone().unwrap_or_default();
    let current = load(tx, cx, "prospect.name", &input.name, &input.etag).await?;
    let prospect = updated(&current, &input, request.update_mask.as_ref())?;
    if duplicate_key(&prospect) != duplicate_key(&current) {
        store::refuse_duplicate(tx, cx, &prospect).await?;
    }
    record_changed::<Prospects, ProspectUpdated>(tx, cx, &current, prospect).await
}

pub(super) async fn advance(tx: &Tx, cx: &Cx, request: &AdvanceProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let prospect = with_next_state(&current, Command::Advance(request.target_state()), cx.now)?;
    record_changed::<Prospects, ProspectAdvanced>(tx, cx, &current, prospect).await
}

pub(super) async fn close(tx: &Tx, cx: &Cx, request: &CloseProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let prospect = closed(&current, request.target_state(), &request.reason, &request.competitor, cx.now)?;
    record_changed::<Prospects, ProspectClosed>(tx, cx, &current, prospect).await
}

pub(super) async fn reopen(tx: &Tx, cx: &Cx, request: &ReopenProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let prospect = with_next_state(&current, Command::Reopen, cx.now)?;
    record_changed::<Prospects, ProspectReopened>(tx, cx, &current, prospect).await
}

/// Records that the prospect became a partner, within the transaction of the
/// enrollment.
pub(crate) async fn convert(tx: &Tx, cx: &Cx, current: &Prospect, partner: &str) -> Result<()> {
    let prospect = converted(current, partner, cx.now)?;
    record_changed::<Prospects, ProspectConverted>(tx, cx, current, prospect).await?;
    Ok(())
}
