//! Enrollments lapse with their agreements, as of that instant and as the
//! service's own act: by the sweep, or before a command that comes first.

use futures::FutureExt;
use stoa_events::Fact;
use stoa_kernel::{Cx, Result, etag, names};
use stoa_proto::onboard::v1::{Enrollment, EnrollmentLapsed};
use stoa_rpc::{Deps, Job, due_job};
use stoa_store::Tx;

use super::{Command, is_live, lapse_time, moved, store};
use crate::{agreement, onboarding_plan, partner};

/// Records the lapse of enrollments whose agreement ran out.
pub(crate) fn lapse_job(deps: &Deps) -> Job {
    due_job(deps, "enrollment-lapse", |conn, now, max| store::due(conn, now, max).boxed(), |tx, (cx, id)| lapse(tx, cx, id).boxed())
}

async fn lapse(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = hold(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    Ok(u64::from(settle(tx, cx, current).await?.etag != before))
}

/// The enrollment, which the caller has locked, in the status that it has at
/// this instant: a lapse that is due is recorded first.
pub(crate) async fn settle(tx: &Tx, cx: &Cx, current: Enrollment) -> Result<Enrollment> {
    let Some(due) = lapse_time(&current, cx.now) else { return Ok(current) };
    let cx = cx.as_service(crate::NAME);
    let enrollment = moved(&current, Command::Lapse, &cx)?;
    agreement::end(tx, &cx, &current.agreement, agreement::Command::Expire, due, agreement::RAN_OUT).await?;
    store::save(tx, &cx, &enrollment).await?;
    partner::refresh_visibility(tx, &cx, names::last(&enrollment.partner)).await?;
    onboarding_plan::close(tx, &cx, &enrollment, due).await?;
    let fact = Fact::new(&enrollment.name, etag::version(&enrollment.etag)).partner(&enrollment.partner).occurred(due);
    let fact = fact.changed(vec!["status".to_owned()]);
    stoa_events::append(tx, &cx, fact, &EnrollmentLapsed { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

/// An enrollment by its id as it was recorded, locked, whoever asks: for what
/// depends on whether it stands.
pub(crate) async fn hold(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Enrollment>> {
    store::lock(tx, &cx.as_service(crate::NAME), id).await
}

/// The enrollment by which a partner stands in a program at this instant; one
/// that is over is recorded as such and makes room.
pub(super) async fn standing(tx: &Tx, cx: &Cx, partner: &str, program: &str) -> Result<Option<Enrollment>> {
    let Some(recorded) = store::lock_live(tx, cx, partner, program).await? else { return Ok(None) };
    let current = settle(tx, cx, recorded).await?;
    Ok(Some(current).filter(|e| is_live(e.status())))
}
