//! Enrollments lapse with their agreements.

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::Fact;
use stoa_kernel::{Clock, Cx, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{AgreementState, EnrollmentLapsed, EnrollmentStatus as Status};
use stoa_rpc::{Deps, Job};
use stoa_store::{Store, Tx};

use super::{is_live, moved, store};
use crate::{agreement, partner};

/// Enrollments that one run ends.
const ENROLLMENTS_MAX: u64 = 500;

/// Records the lapse of enrollments whose agreement ran out, at that instant.
pub(crate) fn lapse_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    Job {
        name: "enrollment-lapse",
        every_s: 60,
        run: Arc::new(move || {
            let deps = deps.clone();
            async move { sweep(&deps.store, &deps.clock).await }.boxed()
        }),
    }
}

async fn sweep(store: &Store, clock: &Clock) -> Result<u64> {
    let mut done = 0;
    for (tenant, id) in store::due(store.read(), clock.now(), ENROLLMENTS_MAX).await? {
        let cx = Cx::service(&tenant, crate::NAME, clock, "");
        done += store.write((cx, id), |tx, (cx, id)| lapse(tx, cx, id).boxed()).await?;
    }
    Ok(done)
}

async fn lapse(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let due = Timestamp::stored(current.end_time.as_ref()).filter(|due| *due <= cx.now && is_live(current.status()));
    let Some(due) = due else { return Ok(0) };
    let enrollment = moved(&current, &[Status::Enrolled, Status::Suspended], Status::Lapsed, cx)?;
    agreement::end(tx, cx, &current.agreement, AgreementState::Expired, due, "ran out").await?;
    store::save(tx, cx, &enrollment).await?;
    partner::refresh_visibility(tx, cx, names::last(&enrollment.partner)).await?;
    let fact = Fact::new(&enrollment.name, etag::version(&enrollment.etag)).partner(&enrollment.partner).occurred(due);
    let fact = fact.changed(vec!["status".to_owned()]);
    stoa_events::append(tx, cx, fact, &EnrollmentLapsed { enrollment: Some(enrollment.clone()) }).await?;
    Ok(1)
}
