//! Plans without progress go to the concierge.

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

/// Escalates stalled plans at the instant they stalled.
pub(crate) fn stall_job(deps: &Deps) -> Job {
    due_job::<Plans, _>(deps, "onboarding-stall", Column::StallTime, Condition::all, escalate)
}

/// Escalates one plan if it is still stalled; one whose enrollment is over ends
/// instead.
async fn escalate(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = settled(tx, cx, id).await? else { return Ok(0) };
    let Some(due) = stall_time(&current).filter(|due| *due <= cx.now) else { return Ok(0) };
    record::<Plans>(tx, cx, Some(&current), [Step::new::<OnboardingPlanEscalated>(escalated(&current)).at(due)]).await?;
    tracing::info!(plan = id, "onboarding stalled and was escalated");
    Ok(1)
}

/// The plan, locked, as it is at this instant: an enrollment that is over takes
/// it along, and is locked before it.
pub(super) async fn settled(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<OnboardingPlan>> {
    if let Some(enrollment) = enrollment::hold(tx, cx, id).await? {
        enrollment::settle(tx, cx, enrollment).await?;
    }
    documents::lock::<Plans>(tx, cx, id).await
}
