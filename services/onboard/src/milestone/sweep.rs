//! Escalates plans without progress to the concierge.

use sea_orm::Condition;
use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result};
use stoa_proto::onboard::v1::{OnboardingPlan, OnboardingPlanEscalated};
use stoa_service::{Deps, Job, due_job};
use stoa_store::{Tx, documents};

use super::escalated;
use crate::{
    enrollment,
    onboarding_plan::{
        stall_time,
        store::{Column, Plans},
    },
};

/// Returns the job that escalates stalled plans as of the instant they stalled.
pub(crate) fn stall_job(deps: &Deps) -> Job {
    due_job::<Plans, _>(deps, "onboarding-stall", Column::StallTime, Condition::all, escalate)
}

/// Escalates one plan if it is still stalled. A plan whose enrollment has
/// lapsed ends instead.
async fn escalate(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = lock_settled(tx, cx, id).await? else { return Ok(0) };
    let Some(due) = stall_time(&current).filter(|due| *due <= cx.now) else { return Ok(0) };
    record::<Plans>(tx, cx, Some(&current), [Step::new::<OnboardingPlanEscalated>(escalated(&current)).at(due)]).await?;
    tracing::info!(plan = id, "escalated a stalled onboarding plan");
    Ok(1)
}

/// Locks and returns the plan after settling its enrollment, with which it may
/// end. The enrollment is locked first.
pub(super) async fn lock_settled(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<OnboardingPlan>> {
    if let Some(enrollment) = enrollment::lock_recorded(tx, cx, id).await? {
        enrollment::settle(tx, cx, enrollment).await?;
    }
    documents::lock::<Plans>(tx, cx, id).await
}
