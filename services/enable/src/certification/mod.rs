//! Certification: what a person can hold for one product line and version. It
//! belongs to the vendor and is visible to all partners.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Result, names};
use stoa_proto::enable::v1::Certification;

/// Creates a certification from the caller's input.
fn new(id: &str, input: &Certification) -> Result<Certification> {
    names::optional_id("certification.product_line", "productLines", &input.product_line)?;
    Ok(Certification { name: names::name("certifications", id), version: input.version.max(1), ..input.clone() })
}
