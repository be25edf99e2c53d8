//! Awards that ran out are recorded as such, as of the instant they did.

use futures::FutureExt;
use stoa_events::Fact;
use stoa_kernel::{Cx, Result, etag};
use stoa_proto::enable::v1::CertificationAwardExpired;
use stoa_rpc::{Deps, Job, due_job};
use stoa_store::Tx;

use super::{due_time, expired, store};

/// Records the end of awards at the instant they ran out.
pub(crate) fn expire_job(deps: &Deps) -> Job {
    due_job(deps, "certification-expiry", |conn, now, max| store::due(conn, now, max).boxed(), |tx, (cx, id)| expire(tx, cx, id).boxed())
}

/// Records the end of one award, where no other run did.
async fn expire(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let Some(due) = due_time(&current).filter(|due| *due <= cx.now) else { return Ok(0) };
    let award = expired(&current, cx);
    store::save(tx, cx, &award).await?;
    let fact = Fact::new(&award.name, etag::version(&award.etag)).partner(&award.partner).occurred(due).changed(vec!["state".to_owned()]);
    stoa_events::append(tx, cx, fact, &CertificationAwardExpired { certification_award: Some(award.clone()) }).await?;
    Ok(1)
}
