//! What happens to agreements: by command, and with their enrollments.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, ids, names};
use stoa_proto::onboard::v1::{
    Agreement, AgreementCanceled, AgreementCreated, AgreementEffective, AgreementEnded, AgreementSent, AgreementSigned,
    AgreementState as State, CancelAgreementRequest, CreateAgreementRequest, DeclineAgreementRequest, ErrorReason, SendAgreementRequest,
    SignAgreementRequest,
};
use stoa_store::Tx;

use super::{Command, effective, ended, moved, new, store};
use crate::{partner, program, prospect, scope::require_writer};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateAgreementRequest) -> Result<Agreement> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("agreement_id", &request.agreement_id)?;
    let input = request.agreement.clone().unwrap_or_default();
    let agreement = new(&id, &input, cx)?;
    check_party(tx, cx, &input).await?;
    let program = names::id("agreement.program", "programs", &input.program)?;
    if program::store::find(tx.conn(), cx, program).await?.is_none() {
        return Err(Error::reference_not_found("agreement.program", &input.program));
    }
    store::insert(tx, cx, &agreement).await?;
    let event = AgreementCreated { agreement: Some(agreement.clone()) };
    stoa_events::append(tx, cx, Fact::new(&agreement.name, 1).partner(&agreement.partner), &event).await?;
    Ok(agreement)
}

/// Exactly one of prospect and partner is named, and exists; the partner is one
/// that the caller may write for.
async fn check_party(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    let prospect = names::optional_id("agreement.prospect", "prospects", &agreement.prospect)?;
    let partner = names::optional_id("agreement.partner", "partners", &agreement.partner)?;
    if prospect.is_empty() == partner.is_empty() {
        return Err(Error::invalid("agreement.prospect", "or agreement.partner must be named, and not both")
            .with_reason(ErrorReason::AgreementPartyInvalid.as_str_name()));
    }
    if !prospect.is_empty() && prospect::store::find(tx.conn(), cx, prospect).await?.is_none() {
        return Err(Error::reference_not_found("agreement.prospect", &agreement.prospect));
    }
    if !partner.is_empty() && partner::store::find(tx.conn(), cx, partner).await?.is_none() {
        return Err(Error::reference_not_found("agreement.partner", &agreement.partner));
    }
    require_writer(tx.conn(), cx, &agreement.partner, partner).await
}

/// The agreement, locked, for a caller that may change it: who sees it, as a
/// distributor its dealer's, does not speak for the party to it.
async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<Agreement> {
    let id = names::id("name", "agreements", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

fn fact(agreement: &Agreement) -> Fact<'_> {
    Fact::new(&agreement.name, etag::version(&agreement.etag)).partner(&agreement.partner).changed(vec!["state".to_owned()])
}

pub(super) async fn send(tx: &Tx, cx: &Cx, request: &SendAgreementRequest) -> Result<Agreement> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let agreement = moved(&current, Command::Send, cx)?;
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement), &AgreementSent { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

pub(super) async fn sign(tx: &Tx, cx: &Cx, request: &SignAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut agreement = moved(&current, Command::Sign, cx)?;
    agreement.document_hash.clone_from(&request.document_hash);
    agreement.signature_reference.clone_from(&request.signature_reference);
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement), &AgreementSigned { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

pub(super) async fn decline(tx: &Tx, cx: &Cx, request: &DeclineAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    canceled(tx, cx, ended(&current, Command::Decline, &request.reason, cx)?).await
}

pub(super) async fn cancel(tx: &Tx, cx: &Cx, request: &CancelAgreementRequest) -> Result<Agreement> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let command = if request.target_state() == State::Declined { Command::Decline } else { Command::Void };
    canceled(tx, cx, ended(&current, command, &request.reason, cx)?).await
}

async fn canceled(tx: &Tx, cx: &Cx, agreement: Agreement) -> Result<Agreement> {
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement), &AgreementCanceled { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

/// A signed agreement comes into force with a partner; part of the enrollment's
/// transaction.
pub(crate) async fn take_effect(tx: &Tx, cx: &Cx, current: &Agreement, partner: &str) -> Result<Agreement> {
    let agreement = effective(current, partner, cx)?;
    let from = Timestamp::stored(agreement.effective_time.as_ref()).unwrap_or(cx.now);
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement).occurred(from), &AgreementEffective { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

/// An agreement that is in force from its first version: bulk enrollment takes
/// rows whose agreement was signed elsewhere.
pub(crate) async fn record_effective(tx: &Tx, cx: &Cx, mut agreement: Agreement, from: Timestamp) -> Result<Agreement> {
    agreement.set_state(State::Effective);
    agreement.effective_time = Some(from.proto());
    agreement.etag = etag::of(1);
    agreement.create_time = Some(cx.now.proto());
    agreement.update_time = Some(cx.now.proto());
    store::insert(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement).occurred(from), &AgreementEffective { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

/// An agreement in force ends, with its enrollment.
pub(crate) async fn end(tx: &Tx, cx: &Cx, name: &str, command: Command, at: Timestamp, reason: &str) -> Result<()> {
    let Some(current) = store::lock(tx, cx, names::last(name)).await? else {
        return Err(Error::internal(format!("{name} of an enrollment is missing")));
    };
    if current.state() != State::Effective {
        return Ok(());
    }
    let agreement = ended(&current, command, reason, cx)?;
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement).occurred(at), &AgreementEnded { agreement: Some(agreement.clone()) }).await?;
    Ok(())
}
