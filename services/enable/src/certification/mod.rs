//! Certification: what a person can hold, of one product line and version. It
//! belongs to the vendor and is seen by all partners.

mod api;
pub(crate) mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Result, etag, ids, names};
use stoa_proto::enable::v1::{Certification, CertificationCreated, CreateCertificationRequest};
use stoa_store::Tx;

/// A new certification from what the caller sent.
fn new(id: &str, input: &Certification, cx: &Cx) -> Result<Certification> {
    names::optional_id("certification.product_line", "productLines", &input.product_line)?;
    Ok(Certification {
        name: names::name("certifications", id),
        version: input.version.max(1),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    })
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateCertificationRequest) -> Result<Certification> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("certification_id", &request.certification_id)?;
    let certification = new(&id, &request.certification.clone().unwrap_or_default(), cx)?;
    store::insert(tx, cx, &certification).await?;
    let event = CertificationCreated { certification: Some(certification.clone()) };
    stoa_events::append(tx, cx, Fact::new(&certification.name, 1), &event).await?;
    Ok(certification)
}
