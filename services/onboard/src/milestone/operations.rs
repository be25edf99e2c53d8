//! Commands on milestones.

use stoa_events::record_changed;
use stoa_kernel::{Cx, Result, etag, names};
use stoa_proto::onboard::v1::{
    BlockMilestoneRequest, CompleteMilestoneRequest, OnboardingPlan, OnboardingPlanProgressed, WaiveMilestoneRequest,
};
use stoa_store::{Tx, documents};

use super::{End, blocked, with_milestone_ended};
use crate::{enrollment, onboarding_plan::store::Plans, scope::require_writer};

/// Loads and locks the plan for a caller that may change it, after settling its
/// enrollment, with which it may end. The enrollment is locked first.
async fn load(tx: &Tx, cx: &Cx, name: &str, etag: &str) -> Result<OnboardingPlan> {
    let id = documents::id::<Plans>("name", name)?;
    let enrollment = enrollment::lock_recorded(tx, cx, &id).await?;
    let current = documents::load::<Plans>(tx, cx, "name", name).await?;
    require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::require(&current, etag)?;
    match enrollment {
        Some(enrollment) if enrollment::lapse_time(&enrollment, cx.now).is_some() => {
            enrollment::settle(tx, cx, enrollment).await?;
            documents::load::<Plans>(tx, cx, "name", name).await
        }
        _ => Ok(current),
    }
}

pub(super) async fn complete(tx: &Tx, cx: &Cx, request: &CompleteMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let plan = with_milestone_ended(&current, request.kind(), &End::ByHand, cx.now)?;
    record_changed::<Plans, OnboardingPlanProgressed>(tx, cx, &current, plan).await
}

pub(super) async fn waive(tx: &Tx, cx: &Cx, request: &WaiveMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let plan = with_milestone_ended(&current, request.kind(), &End::Waived(cx.caller.person()), cx.now)?;
    record_changed::<Plans, OnboardingPlanProgressed>(tx, cx, &current, plan).await
}

pub(super) async fn block(tx: &Tx, cx: &Cx, request: &BlockMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let plan = blocked(&current, request.kind(), &request.barrier)?;
    record_changed::<Plans, OnboardingPlanProgressed>(tx, cx, &current, plan).await
}
