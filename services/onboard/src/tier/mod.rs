//! Tier: a level of a program.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Money, Result};
use stoa_proto::onboard::v1::Tier;

fn check(tier: &Tier) -> Result<()> {
    if let Some(threshold) = &tier.revenue_threshold {
        Money::not_negative("tier.revenue_threshold", threshold)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
