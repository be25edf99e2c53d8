//! Commands on certifications, for the vendor's people.

use stoa_events::record_created;
use stoa_kernel::{Cx, Result};
use stoa_proto::enable::v1::{Certification, CertificationCreated, CreateCertificationRequest};
use stoa_store::Tx;

use super::{new, store::Certifications};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateCertificationRequest) -> Result<Certification> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("certification_id", &request.certification_id)?;
    let certification = new(&id, &request.certification.clone().unwrap_or_default())?;
    record_created::<Certifications, CertificationCreated>(tx, cx, certification).await
}
