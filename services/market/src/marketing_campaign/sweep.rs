//! Scheduled campaigns deploy at their instant.

use std::sync::Arc;

use futures::FutureExt;
use stoa_kernel::{Clock, Cx, Result};
use stoa_rpc::{Deps, Job};
use stoa_store::{Store, Tx};

use super::{operations::settle, store};

/// Campaigns that one run deploys.
const CAMPAIGNS_MAX: u64 = 500;

/// Deploys scheduled campaigns as of their instant.
pub(crate) fn deploy_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    Job {
        name: "campaign-deployment",
        every_s: 60,
        run: Arc::new(move || {
            let deps = deps.clone();
            async move { sweep(&deps.store, &deps.clock).await }.boxed()
        }),
    }
}

async fn sweep(store: &Store, clock: &Clock) -> Result<u64> {
    let mut done = 0;
    for (tenant, id) in store::due(store.read(), clock.now(), CAMPAIGNS_MAX).await? {
        let cx = Cx::service(&tenant, crate::NAME, clock, "");
        done += store.write((cx, id), |tx, (cx, id)| deploy(tx, cx, id).boxed()).await?;
    }
    Ok(done)
}

/// Deploys one campaign, where nothing else did meanwhile.
async fn deploy(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    let campaign = settle(tx, cx, current).await?;
    Ok(u64::from(campaign.etag != before))
}
