//! Plans without progress go to the concierge.

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::Fact;
use stoa_kernel::{Clock, Cx, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::OnboardingPlanEscalated;
use stoa_rpc::{Deps, Job};
use stoa_store::{Store, Tx};

use super::{escalated, stall_time, store};

/// Plans that one run escalates.
const PLANS_MAX: u64 = 500;

/// Escalates stalled plans at the instant they stalled.
pub(crate) fn stall_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    Job {
        name: "onboarding-stall",
        every_s: 60,
        run: Arc::new(move || {
            let deps = deps.clone();
            async move { sweep(&deps.store, &deps.clock).await }.boxed()
        }),
    }
}

async fn sweep(store: &Store, clock: &Clock) -> Result<u64> {
    let mut done = 0;
    for (tenant, id) in store::stalled(store.read(), clock.now(), PLANS_MAX).await? {
        let cx = Cx::service(&tenant, crate::NAME, clock, "");
        done += store.write((cx, id), |tx, (cx, id)| escalate(tx, cx, id).boxed()).await?;
    }
    Ok(done)
}

/// Escalates one plan, where it is still stalled.
async fn escalate(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = store::lock(tx, cx, id).await? else { return Ok(0) };
    let Some(due) = stall_time(&current).filter(|due: &Timestamp| *due <= cx.now) else { return Ok(0) };
    let plan = escalated(&current, cx);
    store::save(tx, cx, &plan).await?;
    let fact = Fact::new(&plan.name, etag::version(&plan.etag)).partner(&plan.partner).occurred(due).changed(vec!["milestones".to_owned()]);
    stoa_events::append(tx, cx, fact, &OnboardingPlanEscalated { onboarding_plan: Some(plan.clone()) }).await?;
    tracing::info!(plan = names::last(&plan.name), "onboarding stalled and was escalated");
    Ok(1)
}
