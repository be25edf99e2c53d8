//! Certification: what a person can hold, of one product line and version. It
//! belongs to the vendor and is seen by all partners.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Cx, Result, etag, names};
use stoa_proto::enable::v1::Certification;

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
