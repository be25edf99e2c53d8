//! Plans without progress go to the concierge.

use futures::FutureExt;
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::onboard::v1::OnboardingPlanEscalated;
use stoa_rpc::{Deps, Job, due_job};
use stoa_store::Tx;

use super::{
    escalated,
    operations::{record, settled},
    stall_time, store,
};
use crate::enrollment;

/// Escalates stalled plans at the instant they stalled.
pub(crate) fn stall_job(deps: &Deps) -> Job {
    due_job(deps, "onboarding-stall", |conn, now, max| store::due(conn, now, max).boxed(), |tx, (cx, id)| escalate(tx, cx, id).boxed())
}

/// Escalates one plan, where it is still stalled; one whose enrollment is over
/// ends instead.
async fn escalate(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let enrollment = enrollment::hold(tx, cx, id).await?;
    let Some(current) = settled(tx, cx, enrollment, id).await? else { return Ok(0) };
    let Some(due) = stall_time(&current).filter(|due: &Timestamp| *due <= cx.now) else { return Ok(0) };
    let plan = escalated(&current, cx);
    let event = OnboardingPlanEscalated { onboarding_plan: Some(plan.clone()) };
    record(tx, cx, &plan, due, "milestones", &event).await?;
    tracing::info!(plan = names::last(&plan.name), "onboarding stalled and was escalated");
    Ok(1)
}
