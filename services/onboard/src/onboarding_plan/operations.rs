//! Changes to plans that come with their enrollments, in the same transactions.

use stoa_events::{Step, record, record_changed, record_created};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::onboard::v1::{
    Enrollment, OnboardingPlan, OnboardingPlanEnded, OnboardingPlanPaused, OnboardingPlanResumed, OnboardingPlanStarted,
};
use stoa_store::{Tx, documents};

use super::{closed, new, paused, resumed, store::Plans};

/// Starts the plan of an enrollment.
pub(crate) async fn start(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    record_created::<Plans, OnboardingPlanStarted>(tx, cx, new(enrollment, cx.now)).await?;
    Ok(())
}

/// Ends the plan with its enrollment.
pub(crate) async fn close(tx: &Tx, cx: &Cx, enrollment: &Enrollment, at: Timestamp) -> Result<()> {
    let Some(current) = plan_of(tx, cx, enrollment).await? else { return Ok(()) };
    let Some(plan) = closed(&current, at) else { return Ok(()) };
    record::<Plans>(tx, cx, Some(&current), [Step::new::<OnboardingPlanEnded>(plan).at(at)]).await?;
    Ok(())
}

/// Pauses the plan while its enrollment is suspended.
pub(crate) async fn pause(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    let Some(current) = plan_of(tx, cx, enrollment).await? else { return Ok(()) };
    let Some(plan) = paused(&current, cx.now) else { return Ok(()) };
    record_changed::<Plans, OnboardingPlanPaused>(tx, cx, &current, plan).await?;
    Ok(())
}

/// Resumes the plan with its enrollment.
pub(crate) async fn resume(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    let Some(current) = plan_of(tx, cx, enrollment).await? else { return Ok(()) };
    let Some(plan) = resumed(&current, cx.now) else { return Ok(()) };
    record_changed::<Plans, OnboardingPlanResumed>(tx, cx, &current, plan).await?;
    Ok(())
}

/// Locks and returns the plan of an enrollment. Enrollments taken as history
/// have none.
async fn plan_of(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<Option<OnboardingPlan>> {
    documents::lock::<Plans>(tx, cx, names::last(&enrollment.name)).await
}
