//! Tier: a level of a program.

mod api;
mod operations;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Money, Result, etag, mask};
use stoa_proto::onboard::v1::Tier;

/// Fields that a caller may change.
const CHANGEABLE: [&str; 3] = ["display_name", "rank", "revenue_threshold"];

fn check(tier: &Tier) -> Result<()> {
    if let Some(threshold) = &tier.revenue_threshold {
        Money::not_negative("tier.revenue_threshold", threshold)?;
    }
    Ok(())
}

/// A new tier of a program from what the caller sent.
fn new(program: &str, id: &str, input: &Tier, cx: &Cx) -> Tier {
    Tier {
        name: format!("programs/{program}/tiers/{id}"),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    }
}

/// The tier after a change, and the paths that changed.
fn changed(current: &Tier, input: &Tier, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Tier, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    check(&next)?;
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

#[cfg(test)]
mod tests;
