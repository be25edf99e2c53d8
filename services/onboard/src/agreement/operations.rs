//! Changes to agreements, by command and together with their enrollments.

use stoa_events::{Step, record, record_changed, record_created};
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{
    Agreement, AgreementCanceled, AgreementCreated, AgreementEffective, AgreementEnded, AgreementSent, AgreementSigned,
    AgreementState as State, CancelAgreementRequest, CreateAgreementRequest, DeclineAgreementRequest, ErrorReason, SendAgreementRequest,
    SignAgreementRequest,
};
use stoa_store::{Tx, documents};

use super::{Command, effective, ended_by, new, store::Agreements, with_next_state};
use crate::{partner::store::Partners, program::store::Programs, prospect::store::Prospects, scope::require_writer};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateAgreementRequest) -> Result<Agreement> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("agreement_id", &request.agreement_id)?;
    let agreement = new(&id, &request.agreement.clone().unwrap_or_default())?;
    check_party(tx, cx, &agreement).await?;
    documents::get_referenced::<Programs, _>(tx.conn(), cx, "agreement.program", &agreement.program).await?;
    record_created::<Agreements, AgreementCreated>(tx, cx, agreement).await
}

/// Checks that exactly one of prospect and partner is named, that it exists,
/// and that the caller may write for the partner.
async fn check_party(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    if agreement.prospect.is_empty() == agreement.partner.is_empty() {
        return Err(Error::invalid("agreement.prospect", "must be set if agreement.partner is empty, and only then")
            .with_reason(ErrorReason::AgreementPartyInvalid));
    }
    if agreement.partner.is_empty() {
        documents::get_referenced::<Prospects, _>(tx.conn(), cx, "agreement.prospect", &agreement.prospect).await?;
    } else {
        documents::get_referenced::<Partners, _>(tx.conn(), cx, "agreement.partner", &agreement.partner).await?;
    }
    require_writer(tx.conn(), cx, &agreement.partner, names::last(&agreement.partner)).await
}

/// Loads and locks the agreement for a caller that may change it. One that only
/// sees it, as a distributor sees its dealer's, cannot act for the party to it.
async fn load(tx: &Tx, cx: &Cx, name: &str, etag: &str) -> Result<Agreement> {
    let current = documents::load::<Agreements>(tx, cx, "name", name).await?;
    require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::require(&current, etag)?;
    Ok(current)
}

pub(super) async fn send(tx: &Tx, cx: &Cx, request: &SendAgreementRequest) -> Result<Agreement> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    record_changed::<Agreements, AgreementSent>(tx, cx, &current, with_next_state(&current, Command::Send)?).await
}

pub(super) async fn sign(tx: &Tx, cx: &Cx, request: &SignAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut agreement = with_next_state(&current, Command::Sign)?;
    agreement.document_hash.clone_from(&request.document_hash);
    agreement.signature_reference.clone_from(&request.signature_reference);
    record_changed::<Agreements, AgreementSigned>(tx, cx, &current, agreement).await
}

pub(super) async fn decline(tx: &Tx, cx: &Cx, request: &DeclineAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    record_changed::<Agreements, AgreementCanceled>(tx, cx, &current, ended_by(&current, Command::Decline, &request.reason)?).await
}

pub(super) async fn cancel(tx: &Tx, cx: &Cx, request: &CancelAgreementRequest) -> Result<Agreement> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let command = if request.target_state() == State::Declined { Command::Decline } else { Command::Void };
    record_changed::<Agreements, AgreementCanceled>(tx, cx, &current, ended_by(&current, command, &request.reason)?).await
}

/// Puts a signed agreement into force with a partner, within the transaction of
/// the enrollment.
pub(crate) async fn take_effect(tx: &Tx, cx: &Cx, current: &Agreement, partner: &str) -> Result<Agreement> {
    let agreement = effective(current, partner, cx.now)?;
    let from = Timestamp::stored(agreement.effective_time.as_ref()).unwrap_or(cx.now);
    record::<Agreements>(tx, cx, Some(current), [Step::new::<AgreementEffective>(agreement).at(from)]).await
}

/// Records an agreement that is in force from its first version: bulk
/// enrollment accepts rows whose agreement was signed elsewhere.
pub(crate) async fn record_effective(tx: &Tx, cx: &Cx, mut agreement: Agreement, from: Timestamp) -> Result<Agreement> {
    agreement.set_state(State::Effective);
    agreement.effective_time = Some(from.proto());
    record::<Agreements>(tx, cx, None, [Step::new::<AgreementEffective>(agreement).at(from)]).await
}

/// Ends an agreement in force, together with its enrollment.
pub(crate) async fn end(tx: &Tx, cx: &Cx, name: &str, command: Command, at: Timestamp, reason: &str) -> Result<()> {
    let Some(current) = documents::lock::<Agreements>(tx, cx, names::last(name)).await? else {
        return Err(Error::internal(format!("{name}, the agreement of an enrollment, is missing")));
    };
    if current.state() != State::Effective {
        return Ok(());
    }
    let agreement = ended_by(&current, command, reason)?;
    record::<Agreements>(tx, cx, Some(&current), [Step::new::<AgreementEnded>(agreement).at(at)]).await?;
    Ok(())
}
