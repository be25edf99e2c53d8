//! What happens to prospects: by command, and with their enrollment.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::onboard::v1::{
    AdvanceProspectRequest, CloseProspectRequest, CreateProspectRequest, Prospect, ProspectAdvanced, ProspectClosed, ProspectConverted,
    ProspectCreated, ProspectReopened, ProspectUpdated, ReopenProspectRequest, UpdateProspectRequest,
};
use stoa_store::Tx;

use super::{advanced, changed, closed, converted, duplicate_key, new, reopened, store};
use crate::scope::require_writer;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateProspectRequest) -> Result<Prospect> {
    let id = ids::chosen_or_new("prospect_id", &request.prospect_id)?;
    let prospect = new(&id, &request.prospect.clone().unwrap_or_default(), cx)?;
    store::refuse_duplicate(tx, cx, &prospect).await?;
    store::insert(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, Fact::new(&prospect.name, 1), &ProspectCreated { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

/// The prospect, locked, for a caller that may change it.
async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, sent: &str) -> Result<Prospect> {
    let id = names::id(field, "prospects", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    if !current.partner.is_empty() {
        require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    }
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

fn fact(prospect: &Prospect, changed: Vec<String>) -> Fact<'_> {
    Fact::new(&prospect.name, etag::version(&prospect.etag)).partner(&prospect.partner).changed(changed)
}

fn state() -> Vec<String> {
    vec!["state".to_owned()]
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateProspectRequest) -> Result<Prospect> {
    let input = request.prospect.clone().unwrap_or_default();
    let current = load(tx, cx, "prospect.name", &input.name, &input.etag).await?;
    let (prospect, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if paths.is_empty() {
        return Ok(current);
    }
    if duplicate_key(&prospect) != duplicate_key(&current) {
        store::refuse_duplicate(tx, cx, &prospect).await?;
    }
    store::save(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, fact(&prospect, paths), &ProspectUpdated { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

pub(super) async fn advance(tx: &Tx, cx: &Cx, request: &AdvanceProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let prospect = advanced(&current, request.target_state(), cx)?;
    store::save(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, fact(&prospect, state()), &ProspectAdvanced { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

pub(super) async fn close(tx: &Tx, cx: &Cx, request: &CloseProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let prospect = closed(&current, request.target_state(), &request.reason, &request.competitor, cx)?;
    store::save(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, fact(&prospect, state()), &ProspectClosed { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

pub(super) async fn reopen(tx: &Tx, cx: &Cx, request: &ReopenProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let prospect = reopened(&current, cx)?;
    store::save(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, fact(&prospect, state()), &ProspectReopened { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

/// The prospect became a partner; part of the enrollment's transaction.
pub(crate) async fn convert(tx: &Tx, cx: &Cx, current: &Prospect, partner: &str) -> Result<()> {
    let prospect = converted(current, partner, cx)?;
    store::save(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, fact(&prospect, state()), &ProspectConverted { prospect: Some(prospect.clone()) }).await?;
    Ok(())
}
