//! Requests expire at their claim deadline. A sweep records it; whatever comes
//! first, a command or the sweep, records it as of that instant.

use futures::FutureExt;
use stoa_kernel::{Cx, Result};
use stoa_proto::incentivize::v1::{MdfRequest, MdfRequestExpired};
use stoa_rpc::{Deps, Job, due_job};
use stoa_store::Tx;

use super::{deadline, expired, operations::save, store};
use crate::mdf_budget;

/// Records the expiry of requests whose claim deadline passed, at that instant.
pub(crate) fn expiry_job(deps: &Deps) -> Job {
    due_job(deps, "mdf-request-expiry", |conn, now, max| store::due(conn, now, max).boxed(), |tx, (cx, id)| expire(tx, cx, id).boxed())
}

async fn expire(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    Ok(u64::from(settled(tx, cx, current).await?.etag != before))
}

/// The request, which the caller has locked, in the state that it has at this
/// instant: an expiry that is due is recorded first, as the service's own act.
pub(crate) async fn settled(tx: &Tx, cx: &Cx, current: MdfRequest) -> Result<MdfRequest> {
    let Some((request, released)) = expired(&current, cx)? else { return Ok(current) };
    let due = deadline(&request);
    let own = cx.as_service(crate::NAME);
    let event = MdfRequestExpired { mdf_request: Some(request.clone()) };
    save(tx, &own, &request, due, &["state", "released_amount"], &event).await?;
    mdf_budget::release(tx, &own, &request, released, due).await?;
    Ok(request)
}

/// Records every expiry that is due on a budget, so that the budget shows what
/// it has at this instant.
pub(super) async fn settle_budget(tx: &Tx, cx: &Cx, budget: &str) -> Result<()> {
    for request in store::lock_due_of_budget(tx, cx, budget).await? {
        settled(tx, cx, request).await?;
    }
    Ok(())
}
