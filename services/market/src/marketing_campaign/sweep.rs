//! Deploys scheduled campaigns at their instant.

use sea_orm::Condition;
use stoa_kernel::{Cx, Result};
use stoa_service::{Deps, Job, due_job};
use stoa_store::{Tx, documents};

use super::{
    operations::settle,
    store::{Campaigns, Column},
};

/// Returns the job that deploys scheduled campaigns as of their
/// `schedule_time`.
pub(crate) fn deploy_job(deps: &Deps) -> Job {
    due_job::<Campaigns, _>(deps, "campaign-deployment", Column::DueTime, Condition::all, deploy)
}

/// Deploys one campaign, unless something else did in the meantime.
async fn deploy(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = documents::lock::<Campaigns>(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    let campaign = settle(tx, cx, current).await?;
    Ok(u64::from(campaign.etag != before))
}
