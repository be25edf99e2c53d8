//! Records the expiry of awards as of the instant they expired.

use sea_orm::Condition;
use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result};
use stoa_proto::enable::v1::CertificationAwardExpired;
use stoa_service::{Deps, Job, due_job};
use stoa_store::{Tx, documents};

use super::{
    due_time, expired,
    store::{Awards, Column},
};

/// Returns the job that records the expiry of awards.
pub(crate) fn expire_job(deps: &Deps) -> Job {
    due_job::<Awards, _>(deps, "certification-expiry", Column::DueTime, Condition::all, expire)
}

/// Records the expiry of one award, unless another run already did.
async fn expire(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = documents::lock::<Awards>(tx, cx, id).await? else { return Ok(0) };
    let Some(due) = due_time(&current).filter(|due| *due <= cx.now) else { return Ok(0) };
    record::<Awards>(tx, cx, Some(&current), [Step::new::<CertificationAwardExpired>(expired(&current)).at(due)]).await?;
    Ok(1)
}
