//! Product line: what deals, certifications and authorizations name.

mod api;
mod operations;
mod store;

use stoa_kernel::{Cx, etag, names};
use stoa_proto::sell::v1::ProductLine;

pub(crate) use operations::require;

/// A new product line from what the caller sent.
fn new(id: &str, input: &ProductLine, cx: &Cx) -> ProductLine {
    ProductLine {
        name: names::name("productLines", id),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    }
}
