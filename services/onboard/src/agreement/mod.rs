//! Agreement: what governs an enrollment.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateAgreement |
//! | DRAFT | SENT | SendAgreement |
//! | SENT | PARTNER_SIGNED | SignAgreement |
//! | PARTNER_SIGNED | EFFECTIVE | CreateEnrollment |
//! | SENT | DECLINED | CancelAgreement |
//! | DRAFT, SENT, PARTNER_SIGNED | VOIDED | CancelAgreement |
//! | EFFECTIVE | TERMINATED | TerminateEnrollment |
//! | EFFECTIVE | EXPIRED | its `expire_time`, recorded by a sweep |

mod api;
pub(crate) mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, ids, names};
use stoa_proto::onboard::v1::{
    Agreement, AgreementCanceled, AgreementCreated, AgreementEffective, AgreementEnded, AgreementSent, AgreementSigned,
    AgreementState as State, CancelAgreementRequest, CreateAgreementRequest, ErrorReason, SendAgreementRequest, SignAgreementRequest,
};
use stoa_store::Tx;

use crate::{partner, program, prospect};

/// The agreement in its next state, or why it cannot get there.
fn moved(current: &Agreement, from: &[State], to: State, cx: &Cx) -> Result<Agreement> {
    if !from.contains(&current.state()) {
        let needs: Vec<&str> = from.iter().map(State::as_str_name).collect();
        return Err(Error::state(&current.name, current.state().as_str_name(), &needs.join(" or ")));
    }
    let mut next = current.clone();
    next.set_state(to);
    next.etag = etag::next(&current.etag);
    next.update_time = Some(cx.now.proto());
    Ok(next)
}

fn check_dates(agreement: &Agreement) -> Result<()> {
    let read = |field, time: &Option<_>| time.as_ref().map(|t| Timestamp::from_proto(field, t)).transpose();
    let start = read("agreement.effective_time", &agreement.effective_time)?;
    let end = read("agreement.expire_time", &agreement.expire_time)?;
    match (start, end) {
        (Some(start), Some(end)) if end <= start => Err(Error::invalid("agreement.expire_time", "must lie after effective_time")
            .with_reason(ErrorReason::AgreementDatesInvalid.as_str_name())),
        _ => Ok(()),
    }
}

/// Exactly one of prospect and partner is named, and exists.
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
    Ok(())
}

fn fact(agreement: &Agreement) -> Fact<'_> {
    Fact::new(&agreement.name, etag::version(&agreement.etag)).partner(&agreement.partner).changed(vec!["state".to_owned()])
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateAgreementRequest) -> Result<Agreement> {
    let id = ids::chosen_or_new("agreement_id", &request.agreement_id)?;
    let input = request.agreement.clone().unwrap_or_default();
    check_dates(&input)?;
    check_party(tx, cx, &input).await?;
    let program = names::id("agreement.program", "programs", &input.program)?;
    if program::store::find(tx.conn(), cx, program).await?.is_none() {
        return Err(Error::reference_not_found("agreement.program", &input.program));
    }
    let mut agreement = Agreement {
        name: names::name("agreements", &id),
        end_reason: String::new(),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input
    };
    agreement.set_state(State::Draft);
    store::insert(tx, cx, &agreement).await?;
    let event = AgreementCreated { agreement: Some(agreement.clone()) };
    stoa_events::append(tx, cx, Fact::new(&agreement.name, 1).partner(&agreement.partner), &event).await?;
    Ok(agreement)
}

async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<Agreement> {
    let id = names::id("name", "agreements", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

async fn send(tx: &Tx, cx: &Cx, request: &SendAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let agreement = moved(&current, &[State::Draft], State::Sent, cx)?;
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement), &AgreementSent { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

async fn sign(tx: &Tx, cx: &Cx, request: &SignAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut agreement = moved(&current, &[State::Sent], State::PartnerSigned, cx)?;
    agreement.document_hash.clone_from(&request.document_hash);
    agreement.signature_reference.clone_from(&request.signature_reference);
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement), &AgreementSigned { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

async fn cancel(tx: &Tx, cx: &Cx, request: &CancelAgreementRequest) -> Result<Agreement> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let from: &[State] = match request.target_state() {
        State::Declined => &[State::Sent],
        _ => &[State::Draft, State::Sent, State::PartnerSigned],
    };
    let mut agreement = moved(&current, from, request.target_state(), cx)?;
    agreement.end_reason.clone_from(&request.reason);
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement), &AgreementCanceled { agreement: Some(agreement.clone()) }).await?;
    Ok(agreement)
}

/// A signed agreement comes into force with a partner; part of the enrollment's
/// transaction.
pub(crate) async fn take_effect(tx: &Tx, cx: &Cx, current: &Agreement, partner: &str, from: Timestamp) -> Result<Agreement> {
    if current.state() != State::PartnerSigned {
        let message = format!("{} is {}; send it and record the signature first", current.name, current.state().as_str_name());
        return Err(Error::precondition(ErrorReason::AgreementNotSigned.as_str_name(), message).with_field("agreement", "is not signed"));
    }
    let mut agreement = moved(current, &[State::PartnerSigned], State::Effective, cx)?;
    agreement.partner = partner.to_owned();
    agreement.effective_time = Some(from.proto());
    check_dates(&agreement)?;
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
pub(crate) async fn end(tx: &Tx, cx: &Cx, name: &str, to: State, at: Timestamp, reason: &str) -> Result<()> {
    let Some(current) = store::lock(tx, cx, names::last(name)).await? else {
        return Err(Error::internal(format!("{name} of an enrollment is missing")));
    };
    if current.state() != State::Effective {
        return Ok(());
    }
    let mut agreement = moved(&current, &[State::Effective], to, cx)?;
    agreement.end_reason = reason.to_owned();
    store::save(tx, cx, &agreement).await?;
    stoa_events::append(tx, cx, fact(&agreement).occurred(at), &AgreementEnded { agreement: Some(agreement.clone()) }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stoa_kernel::Clock;

    use super::*;

    /// The table above: what each command leads from and to.
    const TABLE: [(&[State], State); 7] = [
        (&[State::Draft], State::Sent),
        (&[State::Sent], State::PartnerSigned),
        (&[State::PartnerSigned], State::Effective),
        (&[State::Sent], State::Declined),
        (&[State::Draft, State::Sent, State::PartnerSigned], State::Voided),
        (&[State::Effective], State::Terminated),
        (&[State::Effective], State::Expired),
    ];

    proptest! {
        #[test]
        fn any_sequence_follows_the_table(commands in prop::collection::vec(0_usize..7, 0..15)) {
            let cx = Cx::service("t", "onboard", &Clock::system(), "");
            let mut agreement = Agreement { name: "agreements/a".into(), etag: etag::of(1), ..Default::default() };
            agreement.set_state(State::Draft);
            for command in commands {
                let (from, to) = TABLE[command];
                match moved(&agreement, from, to, &cx) {
                    Ok(next) => {
                        prop_assert!(from.contains(&agreement.state()));
                        prop_assert_eq!(next.state(), to);
                        agreement = next;
                    }
                    Err(error) => {
                        prop_assert!(!from.contains(&agreement.state()));
                        prop_assert_eq!(error.reason(), "STATE_INVALID");
                    }
                }
            }
        }
    }

    #[test]
    fn an_agreement_ends_after_it_starts() {
        let at = |micros| Some(Timestamp::from_micros(micros).proto());
        let agreement = |start, end| Agreement { effective_time: at(start), expire_time: at(end), ..Default::default() };
        assert!(check_dates(&agreement(1, 2)).is_ok());
        assert_eq!(check_dates(&agreement(2, 2)).unwrap_err().reason(), "AGREEMENT_DATES_INVALID");
    }
}
