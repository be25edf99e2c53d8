//! Calls without bodies: whoever opens them holds nothing that others need.

use anyhow::{Context, Result};
use stoa_tests::door::{Target, limit::REFUSALS, within};

use super::{EVENTS, JUNK, LATER, LIST};

/// More than a process may have calls in progress.
const CALLS: usize = 520;

/// Refused tokens may come from the address of the others, so that only what the
/// calls hold decides.
const JUNK_IS_ALLOWED: (&str, u64) = (REFUSALS, 1_000_000);

async fn others_are_served_beside(target: &Target, path: &str, token: &str) -> Result<()> {
    let what = format!("{CALLS} calls of {path}");
    let _open = within(LATER, &what, target.open_without_bodies(CALLS, path, token)).await?;
    within(LATER, "others are served", target.serves("globex")).await.context(what)
}

#[tokio::test]
async fn of_one_caller_stop_nobody() -> Result<()> {
    let target = Target::start(&[]).await?;
    others_are_served_beside(&target, LIST, &target.person("acme", "ann", "analyst")?).await?;
    others_are_served_beside(&target, LIST, &target.partner_user("north")?).await
}

#[tokio::test]
async fn without_a_token_stop_nobody() -> Result<()> {
    let target = Target::start(&[JUNK_IS_ALLOWED]).await?;
    others_are_served_beside(&target, LIST, "").await?;
    others_are_served_beside(&target, LIST, JUNK).await
}

#[tokio::test]
async fn through_a_gateway_stop_nobody() -> Result<()> {
    let target = Target::start(&[JUNK_IS_ALLOWED]).await?;
    let gateway = target.gateway(&[JUNK_IS_ALLOWED]).await?;
    others_are_served_beside(&gateway, EVENTS, "").await?;
    others_are_served_beside(&gateway, EVENTS, JUNK).await?;
    others_are_served_beside(&gateway, LIST, &target.person("acme", "ann", "analyst")?).await
}
