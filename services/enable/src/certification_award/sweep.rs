//! Awards that ran out are recorded as such, as of the instant they did.

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::Fact;
use stoa_kernel::{Clock, Cx, Result, etag};
use stoa_proto::enable::v1::CertificationAwardExpired;
use stoa_rpc::{Deps, Job};
use stoa_store::{Store, Tx};

use super::{due_time, expired, store};

/// Awards that one run records.
const AWARDS_MAX: u64 = 500;

/// Records the end of awards at the instant they ran out.
pub(crate) fn expire_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    Job {
        name: "certification-expiry",
        every_s: 60,
        run: Arc::new(move || {
            let deps = deps.clone();
            async move { sweep(&deps.store, &deps.clock).await }.boxed()
        }),
    }
}

async fn sweep(store: &Store, clock: &Clock) -> Result<u64> {
    let mut done = 0;
    for (tenant, id) in store::due(store.read(), clock.now(), AWARDS_MAX).await? {
        let cx = Cx::service(&tenant, crate::NAME, clock, "");
        done += store.write((cx, id), |tx, (cx, id)| expire(tx, cx, id).boxed()).await?;
    }
    Ok(done)
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
