//! Program: what organizations are enrolled in.

mod api;
mod operations;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Result, etag, mask, names};
use stoa_proto::onboard::v1::Program;

/// Fields that a caller may change.
const CHANGEABLE: [&str; 3] = ["display_name", "description", "descendants_visible"];

/// A new program from what the caller sent.
fn new(id: &str, input: &Program, cx: &Cx) -> Program {
    Program {
        name: names::name("programs", id),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    }
}

/// The program after a change, and the paths that changed.
fn changed(current: &Program, input: &Program, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Program, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

#[cfg(test)]
mod tests;
