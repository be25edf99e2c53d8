//! What happens to plans: by command, with their enrollments, and by facts of
//! the other pillars.

use futures::FutureExt;
use prost::{Message, Name};
use stoa_events::{Event, Fact, OnFailure, Subscription};
use stoa_kernel::{Clock, Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{
    BlockMilestoneRequest, CompleteMilestoneRequest, Enrollment, MilestoneKind as Kind, OnboardingPlan, OnboardingPlanEnded,
    OnboardingPlanPaused, OnboardingPlanProgressed, OnboardingPlanResumed, OnboardingPlanStarted, WaiveMilestoneRequest,
};
use stoa_store::Tx;

use super::{End, blocked, closed, ended, has_ended, is_open, new, paused, resumed, store};
use crate::{enrollment, scope::require_writer};

/// Which fact completes which milestone.
const COMPLETED_BY: [(&str, Kind); 5] = [
    ("enable.portal_activity.recorded", Kind::Portal),
    ("enable.course_completion.recorded", Kind::ProductCourse),
    ("enable.certification_award.earned", Kind::SalesCertification),
    ("sell.deal.submitted", Kind::FirstRegistration),
    ("market.marketing_campaign.deployed", Kind::FirstCampaign),
];

/// Starts the plan of an enrollment; part of the enrollment's transaction.
pub(crate) async fn start(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    let plan = new(enrollment, cx);
    store::insert(tx, cx, &plan).await?;
    let event = OnboardingPlanStarted { onboarding_plan: Some(plan.clone()) };
    stoa_events::append(tx, cx, Fact::new(&plan.name, 1).partner(&plan.partner), &event).await?;
    Ok(())
}

/// The plan ends with its enrollment; part of the transaction that ends that.
pub(crate) async fn close(tx: &Tx, cx: &Cx, enrollment: &Enrollment, at: Timestamp) -> Result<()> {
    let Some(plan) = of(tx, cx, enrollment).await?.and_then(|plan| closed(&plan, at, cx)) else { return Ok(()) };
    let event = OnboardingPlanEnded { onboarding_plan: Some(plan.clone()) };
    record(tx, cx, &plan, at, "end_time", &event).await
}

/// The plan rests while its enrollment is suspended; part of that transaction.
pub(crate) async fn pause(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    let Some(plan) = of(tx, cx, enrollment).await?.and_then(|plan| paused(&plan, cx)) else { return Ok(()) };
    let event = OnboardingPlanPaused { onboarding_plan: Some(plan.clone()) };
    record(tx, cx, &plan, cx.now, "pause_time", &event).await
}

/// The plan goes on with its enrollment; part of that transaction.
pub(crate) async fn resume(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    let Some(plan) = of(tx, cx, enrollment).await?.and_then(|plan| resumed(&plan, cx)) else { return Ok(()) };
    let event = OnboardingPlanResumed { onboarding_plan: Some(plan.clone()) };
    record(tx, cx, &plan, cx.now, "pause_time", &event).await
}

/// The plan of an enrollment, locked; history has none.
async fn of(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<Option<OnboardingPlan>> {
    store::lock(tx, cx, names::last(&enrollment.name)).await
}

/// Writes the next version of a plan with its event.
pub(super) async fn record<M: Message + Name>(
    tx: &Tx,
    cx: &Cx,
    plan: &OnboardingPlan,
    at: Timestamp,
    changed: &str,
    event: &M,
) -> Result<()> {
    store::save(tx, cx, plan).await?;
    let fact = Fact::new(&plan.name, etag::version(&plan.etag)).partner(&plan.partner).occurred(at).changed(vec![changed.to_owned()]);
    stoa_events::append(tx, cx, fact, event).await.map(|_| ())
}

/// The plan, locked, for a caller that may change it.
async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<OnboardingPlan> {
    let id = names::id("name", "onboardingPlans", name)?;
    let enrollment = enrollment::hold(tx, cx, id).await?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(settled(tx, cx, enrollment, id).await?.unwrap_or(current))
}

/// The plan, locked, as it is at this instant: an enrollment that is over takes
/// it along. The caller has locked the enrollment, which comes first.
pub(super) async fn settled(tx: &Tx, cx: &Cx, enrollment: Option<Enrollment>, id: &str) -> Result<Option<OnboardingPlan>> {
    if let Some(enrollment) = enrollment {
        enrollment::settle(tx, cx, enrollment).await?;
    }
    store::lock(tx, cx, id).await
}

async fn progress(tx: &Tx, cx: &Cx, plan: OnboardingPlan, at: Timestamp) -> Result<OnboardingPlan> {
    let event = OnboardingPlanProgressed { onboarding_plan: Some(plan.clone()) };
    record(tx, cx, &plan, at, "milestones", &event).await?;
    Ok(plan)
}

pub(super) async fn complete(tx: &Tx, cx: &Cx, request: &CompleteMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    progress(tx, cx, ended(&current, request.kind(), &End::ByHand, cx.now, cx)?, cx.now).await
}

pub(super) async fn waive(tx: &Tx, cx: &Cx, request: &WaiveMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let waived = ended(&current, request.kind(), &End::Waived(cx.caller.person()), cx.now, cx)?;
    progress(tx, cx, waived, cx.now).await
}

pub(super) async fn block(tx: &Tx, cx: &Cx, request: &BlockMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    progress(tx, cx, blocked(&current, request.kind(), &request.barrier, cx)?, cx.now).await
}

/// Facts of the other pillars complete milestones by themselves.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    let of = |name, source, subjects| {
        let clock = clock.clone();
        let handler = stoa_events::handler(move |tx, event| fact_happened(tx, event, clock.clone()).boxed());
        Subscription { name, source, subjects, on_failure: OnFailure::Park, handler }
    };
    vec![
        of(
            "onboarding-enable",
            "enable",
            &["enable.portal_activity.recorded", "enable.course_completion.recorded", "enable.certification_award.earned"],
        ),
        of("onboarding-market", "market", &["market.marketing_campaign.deployed"]),
        of("onboarding-sell", "sell", &["sell.deal.submitted"]),
    ]
}

async fn fact_happened(tx: &Tx, event: &Event, clock: Clock) -> Result<()> {
    let Some((_, kind)) = COMPLETED_BY.iter().find(|(subject, _)| *subject == event.subject) else { return Ok(()) };
    let at = Timestamp::stored(event.occurred_time.as_ref()).unwrap_or_default();
    let cx = Cx::service(&event.tenant, crate::NAME, &clock, &event.event_id);
    for id in store::open_ids_of(tx, &cx, names::last(&event.partner)).await? {
        let enrollment = enrollment::hold(tx, &cx, &id).await?;
        let Some(plan) = settled(tx, &cx, enrollment, &id).await?.filter(is_open) else { continue };
        if plan.milestones.iter().any(|m| m.kind() == *kind && !has_ended(m.state())) {
            progress(tx, &cx, ended(&plan, *kind, &End::ByFact(&event.event_id), at, &cx)?, at).await?;
        }
    }
    Ok(())
}
