//! Partner: an organization of the network, with its place in the hierarchy.

mod api;
mod hierarchy;
mod operations;
pub(crate) mod store;
mod visibility;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Result, etag, mask, names};
use stoa_proto::onboard::v1::Partner;

pub(crate) use operations::create;
pub(crate) use visibility::{refresh_visibility, subscriptions, visibility_job};

/// Fields that a caller may change.
const CHANGEABLE: [&str; 7] = ["display_name", "type", "parent", "territory", "vertical", "domain", "country_code"];

/// A new partner below its ancestors; nobody of them sees it before it is
/// enrolled.
fn new(id: &str, input: &Partner, ancestors: Vec<String>, cx: &Cx) -> Partner {
    Partner {
        name: names::name("partners", id),
        ancestors,
        visible_to: Vec::new(),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    }
}

/// The partner with what the caller changed, and the paths that changed; its
/// place and its version are still the ones before.
fn changed(current: &Partner, input: &Partner, mask: Option<&FieldMask>) -> Result<(Partner, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    Ok((next, paths))
}

/// Whether a change may concern the parent.
fn may_move(input: &Partner, mask: Option<&FieldMask>) -> bool {
    match mask.map(|mask| mask.paths.as_slice()).unwrap_or_default() {
        [] => !input.parent.is_empty(),
        paths => paths.iter().any(|path| path == "parent" || path == "*"),
    }
}

/// The next version of a partner.
fn revised(mut partner: Partner, cx: &Cx) -> Partner {
    partner.etag = etag::next(&partner.etag);
    partner.update_time = Some(cx.now.proto());
    partner
}

#[cfg(test)]
mod tests;
