//! Awarding and taking back, by the vendor's people.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Kind, Result, etag, ids, names};
use stoa_proto::{
    enable::v1::{
        AwardCertificationRequest, CertificationAward, CertificationAwardEarned, CertificationAwardRevoked, ErrorReason,
        RevokeCertificationAwardRequest,
    },
    onboard::v1::Partner,
};
use stoa_store::Tx;

use super::{earned, hold_at_once, judged, revoked, store};
use crate::certification;

/// Awards a certification to a person of a partner that was looked up before
/// the transaction. The certification's row stays locked until it ends, so that
/// of two awards to one person the second one sees the first.
pub(super) async fn award(tx: &Tx, cx: &Cx, request: &AwardCertificationRequest, partner: Result<Partner>) -> Result<CertificationAward> {
    cx.require_tenant_reach()?;
    let partner = partner?.name;
    let id = ids::chosen_or_new("certification_award_id", &request.certification_award_id)?;
    let at = cx.occurred("earn_time", request.earn_time.as_ref())?;
    let person = names::id("person", "persons", &request.person)?;
    let of = names::id("certification", "certifications", &request.certification)?;
    let missing = || Error::reference_not_found("certification", &request.certification);
    let certification = certification::store::lock(tx, cx, of).await?.ok_or_else(missing)?;
    let award = earned(&id, request, &partner, &certification, at, cx);
    let others = store::of_person(tx, cx, of, person).await?;
    if let Some(other) = others.iter().find(|other| other.name != award.name && hold_at_once(other, &award)) {
        return Err(held(other));
    }
    store::insert(tx, cx, &award).await?;
    let fact = Fact::new(&award.name, 1).partner(&award.partner).occurred(at);
    stoa_events::append(tx, cx, fact, &CertificationAwardEarned { certification_award: Some(award.clone()) }).await?;
    Ok(judged(award, cx.now))
}

fn held(by: &CertificationAward) -> Error {
    let message =
        format!("{} holds {} by {} already; revoke that award, or award it anew when it has ended", by.person, by.certification, by.name);
    Error::new(Kind::AlreadyExists, ErrorReason::CertificationHeld.as_str_name(), message)
        .with_field("person", "holds the certification already")
        .with_metadata("certification_award", by.name.clone())
}

pub(super) async fn revoke(tx: &Tx, cx: &Cx, request: &RevokeCertificationAwardRequest) -> Result<CertificationAward> {
    cx.require_tenant_reach()?;
    let id = names::id("name", "certificationAwards", &request.name)?;
    let at = cx.occurred("revoke_time", request.revoke_time.as_ref())?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
    stoa_directory::require_writer(tx.conn(), cx, &current.name, names::last(&current.partner)).await?;
    etag::check(&current.name, &request.etag, etag::version(&current.etag))?;
    let award = revoked(&current, &request.reason, at, cx)?;
    store::save(tx, cx, &award).await?;
    let changed = ["state", "revoke_time", "revoke_reason"].map(str::to_owned).to_vec();
    let fact = Fact::new(&award.name, etag::version(&award.etag)).partner(&award.partner).occurred(at).changed(changed);
    stoa_events::append(tx, cx, fact, &CertificationAwardRevoked { certification_award: Some(award.clone()) }).await?;
    Ok(judged(award, cx.now))
}
