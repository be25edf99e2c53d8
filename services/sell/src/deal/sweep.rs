//! What falls due by time. Rules compare with the instants themselves; the
//! sweeps record what happened at them and tell the others. History is left
//! alone.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use stoa_kernel::{Clock, Cx, Result, names};
use stoa_rpc::{Deps, Job};
use stoa_store::{Store, Tx};

use super::{
    facts::{self, Happened, Step},
    protection, registration, store,
};

/// Deals that one run takes.
const DEALS_MAX: u64 = 500;

/// Records registrations that nobody decided in time.
pub(crate) fn expiry_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    Job {
        name: "deal-expiry",
        every_s: 60,
        run: Arc::new(move || {
            let deps = deps.clone();
            async move { expire_due(&deps.store, &deps.clock).await }.boxed()
        }),
    }
}

/// Reminds of protections that end in 14, 7 and 1 days.
pub(crate) fn reminder_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    Job {
        name: "deal-protection",
        every_s: 60,
        run: Arc::new(move || {
            let deps = deps.clone();
            async move { remind_due(&deps.store, &deps.clock).await }.boxed()
        }),
    }
}

pub(super) async fn expire_due(store: &Store, clock: &Clock) -> Result<u64> {
    let due = store::undecided(store.read(), clock.now(), DEALS_MAX).await?;
    each(store, clock, due, |tx, (cx, id)| expire(tx, cx, id).boxed()).await
}

pub(super) async fn remind_due(store: &Store, clock: &Clock) -> Result<u64> {
    let due = store::to_remind(store.read(), clock.now(), DEALS_MAX).await?;
    each(store, clock, due, |tx, (cx, id)| remind(tx, cx, id).boxed()).await
}

type Work = for<'a> fn(&'a Tx, &'a (Cx, String)) -> BoxFuture<'a, Result<u64>>;

async fn each(store: &Store, clock: &Clock, due: Vec<(String, String)>, work: Work) -> Result<u64> {
    let mut done = 0;
    for (tenant, id) in due {
        let cx = Cx::service(&tenant, crate::NAME, clock, "");
        done += store.write((cx, id), work).await?;
    }
    Ok(done)
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
