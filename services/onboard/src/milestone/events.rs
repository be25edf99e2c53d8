//! Events of the other pillars that complete milestones without a command.

use stoa_events::{Event, OnFailure, Step, Subscription, record};
use stoa_kernel::{Clock, Cx, Result, Timestamp, names};
use stoa_proto::onboard::v1::{MilestoneKind as Kind, OnboardingPlanProgressed};
use stoa_store::Tx;

use super::{End, has_ended, sweep::lock_settled, with_milestone_ended};
use crate::onboarding_plan::{self, is_open, store::Plans};

/// Events and the milestones that they complete.
const COMPLETED_BY: [(&str, Kind); 5] = [
    ("enable.portal_activity.recorded", Kind::Portal),
    ("enable.course_completion.recorded", Kind::ProductCourse),
    ("enable.certification_award.earned", Kind::SalesCertification),
    ("sell.deal.submitted", Kind::FirstRegistration),
    ("market.marketing_campaign.deployed", Kind::FirstCampaign),
];

/// Returns the subscriptions to the events that complete milestones.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    let handler = stoa_events::handler(crate::NAME, clock, event_arrived);
    let subscription =
        |name, source, subjects| Subscription { name, source, subjects, on_failure: OnFailure::Park, handler: handler.clone() };
    vec![
        subscription(
            "onboarding-enable",
            "enable",
            &["enable.portal_activity.recorded", "enable.course_completion.recorded", "enable.certification_award.earned"],
        ),
        subscription("onboarding-market", "market", &["market.marketing_campaign.deployed"]),
        subscription("onboarding-sell", "sell", &["sell.deal.submitted"]),
    ]
}

async fn event_arrived(tx: &Tx, cx: &Cx, event: &Event) -> Result<()> {
    let Some((_, kind)) = COMPLETED_BY.iter().find(|(subject, _)| *subject == event.subject) else { return Ok(()) };
    let at = Timestamp::stored(event.occurred_time.as_ref()).unwrap_or_default();
    for open in onboarding_plan::store::open_of(tx, cx, names::last(&event.partner)).await? {
        let Some(plan) = lock_settled(tx, cx, names::last(&open.name)).await?.filter(is_open) else { continue };
        if plan.milestones.iter().any(|m| m.kind() == *kind && !has_ended(m.state())) {
            let step =
                Step::new::<OnboardingPlanProgressed>(with_milestone_ended(&plan, *kind, &End::ByEvent(&event.event_id), at)?).at(at);
            record::<Plans>(tx, cx, Some(&plan), [step]).await?;
        }
    }
    Ok(())
}
