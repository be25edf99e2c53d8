//! What falls due by time. Rules compare with the instants themselves; the
//! sweeps record what happened at them and tell the others. History is left
//! alone.

use futures::FutureExt;
use stoa_kernel::{Cx, Result, names};
use stoa_rpc::{Deps, Job, due_job};
use stoa_store::Tx;

use super::{
    facts::{self, Happened, Step},
    protection, registration, store,
};

/// Records registrations that nobody decided in time.
pub(crate) fn expiry_job(deps: &Deps) -> Job {
    due_job(deps, "deal-expiry", |conn, now, max| store::expiry_due(conn, now, max).boxed(), |tx, (cx, id)| expire(tx, cx, id).boxed())
}

/// Reminds of protections that end in 14, 7 and 1 days.
pub(crate) fn reminder_job(deps: &Deps) -> Job {
    due_job(
        deps,
        "deal-protection",
        |conn, now, max| store::reminder_due(conn, now, max).boxed(),
        |tx, (cx, id)| remind(tx, cx, id).boxed(),
    )
}

/// Expires one registration, where it is still due.
async fn expire(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let Some((deal, at)) = registration::expired(&current, cx) else { return Ok(0) };
    facts::write(tx, cx, Some(&current), vec![Step { deal, at, happened: Happened::Expired }]).await?;
    tracing::info!(deal = names::last(&current.name), "registration expired undecided");
    Ok(1)
}

/// Gives every reminder of one deal that is still due, each at its instant.
async fn remind(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let (mut steps, mut deal) = (Vec::new(), current.clone());
    while let Some((days, at)) = protection::next_reminder(&deal).filter(|(_, at)| *at <= cx.now) {
        deal = protection::reminded(&deal, days, cx);
        steps.push(Step { deal: deal.clone(), at, happened: Happened::ProtectionDue });
    }
    let given = steps.len() as u64;
    facts::write(tx, cx, Some(&current), steps).await?;
    Ok(given)
}
