//! Scheduled campaigns deploy at their instant.

use futures::FutureExt;
use stoa_kernel::{Cx, Result};
use stoa_rpc::{Deps, Job, due_job};
use stoa_store::Tx;

use super::{operations::settle, store};

/// Deploys scheduled campaigns as of their instant.
pub(crate) fn deploy_job(deps: &Deps) -> Job {
    due_job(deps, "campaign-deployment", |conn, now, max| store::due(conn, now, max).boxed(), |tx, (cx, id)| deploy(tx, cx, id).boxed())
}

/// Deploys one campaign, where nothing else did meanwhile.
async fn deploy(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    let campaign = settle(tx, cx, current).await?;
    Ok(u64::from(campaign.etag != before))
}
