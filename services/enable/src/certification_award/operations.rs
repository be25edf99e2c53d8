//! Awarding and taking back, by the vendor's people.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::enable::v1::{
    AwardCertificationRequest, CertificationAward, CertificationAwardEarned, CertificationAwardRevoked, RevokeCertificationAwardRequest,
};
use stoa_store::Tx;

use super::{earned, judged, revoked, store};
use crate::{certification, occurred::occurred};

/// Awards a certification to a person of a partner that the directory knows.
pub(super) async fn award(tx: &Tx, cx: &Cx, request: &AwardCertificationRequest, partner: String) -> Result<CertificationAward> {
    let id = ids::chosen_or_new("certification_award_id", &request.certification_award_id)?;
    let at = occurred("earn_time", request.earn_time.as_ref(), cx)?;
    names::id("person", "persons", &request.person)?;
    let of = names::id("certification", "certifications", &request.certification)?;
    let missing = || Error::reference_not_found("certification", &request.certification);
    let certification = certification::store::find(tx.conn(), cx, of).await?.ok_or_else(missing)?;
    let award = earned(&id, request, &partner, &certification, at, cx);
    store::insert(tx, cx, &award).await?;
    let fact = Fact::new(&award.name, 1).partner(&award.partner).occurred(at);
    stoa_events::append(tx, cx, fact, &CertificationAwardEarned { certification_award: Some(award.clone()) }).await?;
    Ok(judged(award, cx.now))
}

pub(super) async fn revoke(tx: &Tx, cx: &Cx, request: &RevokeCertificationAwardRequest) -> Result<CertificationAward> {
    cx.require_tenant_reach()?;
    let id = names::id("name", "certificationAwards", &request.name)?;
    let at = occurred("revoke_time", request.revoke_time.as_ref(), cx)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
    etag::check(&current.name, &request.etag, etag::version(&current.etag))?;
    let award = revoked(&current, &request.reason, at, cx)?;
    store::save(tx, cx, &award).await?;
    let changed = ["state", "revoke_time", "revoke_reason"].map(str::to_owned).to_vec();
    let fact = Fact::new(&award.name, etag::version(&award.etag)).partner(&award.partner).occurred(at).changed(changed);
    stoa_events::append(tx, cx, fact, &CertificationAwardRevoked { certification_award: Some(award.clone()) }).await?;
    Ok(judged(award, cx.now))
}
