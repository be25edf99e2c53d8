//! What happens to plans: by command, and by facts of the other pillars.

use futures::FutureExt;
use stoa_events::{Event, Fact, OnFailure, Subscription};
use stoa_kernel::{Clock, Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{
    BlockMilestoneRequest, CompleteMilestoneRequest, Enrollment, MilestoneKind as Kind, OnboardingPlan, OnboardingPlanProgressed,
    OnboardingPlanStarted, WaiveMilestoneRequest,
};
use stoa_store::Tx;

use super::{End, blocked, ended, has_ended, new, store};

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

async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<OnboardingPlan> {
    let id = names::id("name", "onboardingPlans", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

async fn progress(tx: &Tx, cx: &Cx, plan: OnboardingPlan, at: Timestamp) -> Result<OnboardingPlan> {
    store::save(tx, cx, &plan).await?;
    let fact = Fact::new(&plan.name, etag::version(&plan.etag)).partner(&plan.partner).occurred(at).changed(vec!["milestones".to_owned()]);
    stoa_events::append(tx, cx, fact, &OnboardingPlanProgressed { onboarding_plan: Some(plan.clone()) }).await?;
    Ok(plan)
}

pub(super) async fn complete(tx: &Tx, cx: &Cx, request: &CompleteMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    progress(tx, cx, ended(&current, request.kind(), &End::ByHand, cx.now, cx)?, cx.now).await
}

pub(super) async fn waive(tx: &Tx, cx: &Cx, request: &WaiveMilestoneRequest) -> Result<OnboardingPlan> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let waived = ended(&current, request.kind(), &End::Waived(&cx.caller.subject), cx.now, cx)?;
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
    for plan in store::open_of(tx, &cx, names::last(&event.partner)).await? {
        if plan.milestones.iter().any(|m| m.kind() == *kind && !has_ended(m.state())) {
            progress(tx, &cx, ended(&plan, *kind, &End::ByFact(&event.event_id), at, &cx)?, at).await?;
        }
    }
    Ok(())
}
