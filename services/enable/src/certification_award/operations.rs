//! Commands on certification awards, for the vendor's people.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Error, Kind, Result, etag, names};
use stoa_proto::{
    enable::v1::{
        AwardCertificationRequest, CertificationAward, CertificationAwardEarned, CertificationAwardRevoked, ErrorReason,
        RevokeCertificationAwardRequest,
    },
    onboard::v1::Partner,
};
use stoa_store::{Tx, documents};

use super::{
    as_of, earned, overlap, revoked,
    store::{self, Awards},
};
use crate::certification::store::Certifications;

/// Awards a certification to a person of a partner. The certification's row
/// stays locked until the transaction ends, so that the second of two
/// concurrent awards to a person sees the first.
pub(super) async fn award(tx: &Tx, cx: &Cx, request: &AwardCertificationRequest, partner: &Partner) -> Result<CertificationAward> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("certification_award_id", &request.certification_award_id)?;
    let at = cx.occurred("earn_time", request.earn_time.as_ref())?;
    let person = names::id("person", "persons", &request.person)?;
    let certification_id = names::id("certification", "certifications", &request.certification)?;
    let missing = || Error::reference_not_found("certification", &request.certification);
    let certification = documents::lock::<Certifications>(tx, cx, certification_id).await?.ok_or_else(missing)?;
    let award = earned(&id, request, &partner.name, &certification, at);
    let others = store::of_person(tx, cx, certification_id, person).await?;
    if let Some(other) = others.iter().find(|other| other.name != award.name && overlap(other, &award)) {
        return Err(already_held(other));
    }
    let award = record::<Awards>(tx, cx, None, [Step::new::<CertificationAwardEarned>(award).at(at)]).await?;
    Ok(as_of(award, cx.now))
}

fn already_held(by: &CertificationAward) -> Error {
    let message = format!(
        "{} already holds {} by {}. Revoke that award, or award the certification again after it has ended.",
        by.person, by.certification, by.name
    );
    Error::new(Kind::AlreadyExists, ErrorReason::CertificationHeld, message)
        .with_field("person", "already holds the certification")
        .with_metadata("certification_award", by.name.clone())
}

pub(super) async fn revoke(tx: &Tx, cx: &Cx, request: &RevokeCertificationAwardRequest) -> Result<CertificationAward> {
    cx.require_tenant_reach()?;
    let at = cx.occurred("revoke_time", request.revoke_time.as_ref())?;
    let current = documents::load::<Awards>(tx, cx, "name", &request.name).await?;
    stoa_directory::require_writer(tx.conn(), cx, &current.name, names::last(&current.partner)).await?;
    etag::require(&current, &request.etag)?;
    let award = revoked(&current, &request.reason, at)?;
    let award = record::<Awards>(tx, cx, Some(&current), [Step::new::<CertificationAwardRevoked>(award).at(at)]).await?;
    Ok(as_of(award, cx.now))
}
