//! Enrollments lapse with their agreements. The service itself records the
//! lapse, as of the end of the agreement, in the sweep or before a command that
//! comes earlier.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result, names};
use stoa_proto::onboard::v1::{Enrollment, EnrollmentLapsed};
use stoa_service::{Deps, Job, due_job};
use stoa_store::{Tx, documents};

use super::{
    Command, is_live, lapse_time,
    store::{self, Column, Enrollments},
    visibility::refresh_visibility,
    with_next_status,
};
use crate::{agreement, onboarding_plan};

/// Returns the job that records the lapse of enrollments whose agreement
/// expired.
pub(crate) fn lapse_job(deps: &Deps) -> Job {
    due_job::<Enrollments, _>(deps, "enrollment-lapse", Column::EndTime, store::live, lapse)
}

async fn lapse(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = lock_recorded(tx, cx, id).await? else { return Ok(0) };
    let before = current.etag.clone();
    Ok(u64::from(settle(tx, cx, current).await?.etag != before))
}

/// Records the lapse of an enrollment, which the caller has locked, if it is
/// due. Returns the enrollment in the status that it has now.
pub(crate) async fn settle(tx: &Tx, cx: &Cx, current: Enrollment) -> Result<Enrollment> {
    let Some(due) = lapse_time(&current, cx.now) else { return Ok(current) };
    let cx = cx.as_service(crate::NAME);
    let enrollment = with_next_status(&current, Command::Lapse)?;
    agreement::end(tx, &cx, &current.agreement, agreement::Command::Expire, due, agreement::EXPIRED_REASON).await?;
    onboarding_plan::close(tx, &cx, &enrollment, due).await?;
    let step = Step::new::<EnrollmentLapsed>(enrollment).at(due);
    let enrollment = record::<Enrollments>(tx, &cx, Some(&current), [step]).await?;
    refresh_visibility(tx, &cx, names::last(&enrollment.partner)).await?;
    Ok(enrollment)
}

/// Locks an enrollment by its id and returns it as recorded, whoever the caller
/// is: for changes that depend on whether the enrollment is in force.
pub(crate) async fn lock_recorded(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Enrollment>> {
    documents::lock::<Enrollments>(tx, &cx.as_service(crate::NAME), id).await
}

/// Returns the enrollment of a partner in a program if it is live now. One
/// whose lapse is due is recorded as lapsed, which makes room for another.
pub(super) async fn lock_live_settled(tx: &Tx, cx: &Cx, partner: &str, program: &str) -> Result<Option<Enrollment>> {
    let Some(recorded) = store::lock_live(tx, cx, partner, program).await? else { return Ok(None) };
    let current = settle(tx, cx, recorded).await?;
    Ok(Some(current).filter(|e| is_live(e.status())))
}
