//! Requests expire at their claim deadline. A command or the sweep, whichever
//! comes first, records the expiry as of that instant.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result};
use stoa_proto::incentivize::v1::{MdfRequest, MdfRequestExpired};
use stoa_service::{Deps, Job, due_job};
use stoa_store::{Tx, documents};

use super::{
    deadline, expired,
    store::{self, Column, MdfRequests},
};
use crate::mdf_budget;

/// Returns the job that records the expiry of requests whose claim deadline has passed.
pub(crate) fn expiry_job(deps: &Deps) -> Job {
    due_job::<MdfRequests, _>(deps, "mdf-request-expiry", Column::ClaimDeadlineTime, store::open, expire)
}

async fn expire(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = documents::lock::<MdfRequests>(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    Ok(u64::from(settle(tx, cx, current).await?.etag != before))
}

/// Records the expiry of a request, which the caller has locked, if it is due,
/// as the service's own act. Returns the request in its state at this instant.
pub(crate) async fn settle(tx: &Tx, cx: &Cx, current: MdfRequest) -> Result<MdfRequest> {
    let Some((request, released)) = expired(&current, cx)? else { return Ok(current) };
    let due = deadline(&request);
    let own = cx.as_service(crate::NAME);
    let request = record::<MdfRequests>(tx, &own, Some(&current), [Step::new::<MdfRequestExpired>(request).at(due)]).await?;
    mdf_budget::release(tx, &own, &request, released, due).await?;
    Ok(request)
}

/// Records every expiry that is due on a budget, so that the budget shows what
/// it has left at this instant.
pub(super) async fn settle_budget(tx: &Tx, cx: &Cx, budget: &str) -> Result<()> {
    for request in store::lock_due_of_budget(tx, cx, budget).await? {
        settle(tx, cx, request).await?;
    }
    Ok(())
}
