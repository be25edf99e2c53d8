//! Onboarding plan: the steps from enrollment to the first review.
//!
//! | milestone from | to | by |
//! | --- | --- | --- |
//! | NOT_STARTED | IN_PROGRESS | its dependencies ending |
//! | NOT_STARTED, IN_PROGRESS, BLOCKED, ESCALATED | COMPLETED | CompleteMilestone, or the fact it stands for |
//! | NOT_STARTED, IN_PROGRESS, ESCALATED | BLOCKED(barrier) | BlockMilestone |
//! | NOT_STARTED, IN_PROGRESS, BLOCKED, ESCALATED | WAIVED(by) | WaiveMilestone |
//! | IN_PROGRESS, BLOCKED | ESCALATED | the stall time of 14 days without progress |

mod api;
mod operations;
pub(crate) mod store;
mod sweep;

use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{Enrollment, ErrorReason, Milestone, MilestoneKind as Kind, MilestoneState as State, OnboardingPlan};

pub(crate) use operations::{start, subscriptions};
pub(crate) use sweep::stall_job;

/// The default track: what, due after how many hours, behind which milestone.
const TRACK: [(Kind, i64, Option<Kind>); 7] = [
    (Kind::Portal, 48, None),
    (Kind::KickOff, 7 * 24, None),
    (Kind::ProductCourse, 30 * 24, Some(Kind::Portal)),
    (Kind::SalesCertification, 60 * 24, Some(Kind::ProductCourse)),
    (Kind::FirstRegistration, 60 * 24, None),
    (Kind::FirstCampaign, 75 * 24, None),
    (Kind::FirstReview, 90 * 24, Some(Kind::KickOff)),
];

/// Days without progress after which a plan is escalated.
const STALL_DAYS: i64 = 14;

/// A plan of the default track for an enrollment.
fn new(enrollment: &Enrollment, cx: &Cx) -> OnboardingPlan {
    let milestones = TRACK.iter().map(|(kind, hours, behind)| Milestone {
        kind: *kind as i32,
        state: if behind.is_none() { State::InProgress } else { State::NotStarted } as i32,
        due_time: Some(cx.now.plus_hours(*hours).proto()),
        depends_on: behind.iter().map(|k| *k as i32).collect(),
        ..Default::default()
    });
    OnboardingPlan {
        name: names::name("onboardingPlans", names::last(&enrollment.name)),
        enrollment: enrollment.name.clone(),
        partner: enrollment.partner.clone(),
        milestones: milestones.collect(),
        start_time: Some(cx.now.proto()),
        progress_time: Some(cx.now.proto()),
        complete_time: None,
        etag: etag::of(1),
        update_time: Some(cx.now.proto()),
    }
}

fn has_ended(state: State) -> bool {
    matches!(state, State::Completed | State::Waived)
}

/// When the plan is escalated if nothing happens; nothing where it is complete
/// or was escalated already.
fn stall_time(plan: &OnboardingPlan) -> Option<Timestamp> {
    let escalated = plan.milestones.iter().any(|m| m.state() == State::Escalated);
    let progress = Timestamp::stored(plan.progress_time.as_ref())?;
    (plan.complete_time.is_none() && !escalated).then(|| progress.plus_days(STALL_DAYS))
}

/// How a milestone ends.
enum End<'a> {
    ByHand,
    ByFact(&'a str),
    Waived(&'a str),
}

/// Ends a milestone. A fact ends it whatever it depends on; by hand its
/// dependencies must have ended before.
fn ended(plan: &OnboardingPlan, kind: Kind, end: &End<'_>, at: Timestamp, cx: &Cx) -> Result<OnboardingPlan> {
    let mut next = plan.clone();
    let open = open_dependencies(plan, kind);
    let milestone = milestone_mut(&mut next, kind)?;
    if has_ended(milestone.state()) {
        return Err(Error::state(&plan.name, milestone.state().as_str_name(), "a milestone that has not ended"));
    }
    match end {
        End::ByHand if !open.is_empty() => {
            let message = format!("{} waits for {}; complete or waive that first", kind.as_str_name(), open.join(", "));
            return Err(Error::precondition(ErrorReason::MilestoneDependencyOpen.as_str_name(), message)
                .with_field("kind", "depends on an open milestone"));
        }
        End::ByHand => milestone.set_state(State::Completed),
        End::ByFact(event) => {
            milestone.set_state(State::Completed);
            milestone.completing_event = (*event).to_owned();
        }
        End::Waived(by) => {
            milestone.set_state(State::Waived);
            milestone.waived_by = (*by).to_owned();
        }
    }
    milestone.barrier.clear();
    milestone.end_time = Some(at.proto());
    Ok(progressed(next, at, cx))
}

fn blocked(plan: &OnboardingPlan, kind: Kind, barrier: &str, cx: &Cx) -> Result<OnboardingPlan> {
    let mut next = plan.clone();
    let milestone = milestone_mut(&mut next, kind)?;
    if has_ended(milestone.state()) || milestone.state() == State::Blocked {
        return Err(Error::state(&plan.name, milestone.state().as_str_name(), "a milestone that is open and not blocked"));
    }
    milestone.set_state(State::Blocked);
    milestone.barrier = barrier.to_owned();
    Ok(revised(next, cx))
}

/// The first open milestone goes to the concierge.
fn escalated(plan: &OnboardingPlan, cx: &Cx) -> OnboardingPlan {
    let mut next = plan.clone();
    if let Some(milestone) = next.milestones.iter_mut().find(|m| matches!(m.state(), State::InProgress | State::Blocked)) {
        milestone.set_state(State::Escalated);
    }
    revised(next, cx)
}

/// Opens what waited, and closes the plan with its last milestone.
fn progressed(mut plan: OnboardingPlan, at: Timestamp, cx: &Cx) -> OnboardingPlan {
    let waiting: Vec<Kind> = plan.milestones.iter().filter(|m| m.state() == State::NotStarted).map(Milestone::kind).collect();
    for kind in waiting {
        if open_dependencies(&plan, kind).is_empty()
            && let Ok(milestone) = milestone_mut(&mut plan, kind)
        {
            milestone.set_state(State::InProgress);
        }
    }
    let before = Timestamp::stored(plan.progress_time.as_ref()).unwrap_or_default();
    plan.progress_time = Some(at.max(before).proto());
    if plan.milestones.iter().all(|m| has_ended(m.state())) {
        plan.complete_time = plan.progress_time;
    }
    revised(plan, cx)
}

fn revised(mut plan: OnboardingPlan, cx: &Cx) -> OnboardingPlan {
    plan.etag = etag::next(&plan.etag);
    plan.update_time = Some(cx.now.proto());
    plan
}

fn open_dependencies(plan: &OnboardingPlan, kind: Kind) -> Vec<&'static str> {
    let wanted: Vec<Kind> = plan.milestones.iter().filter(|m| m.kind() == kind).flat_map(Milestone::depends_on).collect();
    let open = plan.milestones.iter().filter(|m| wanted.contains(&m.kind()) && !has_ended(m.state()));
    open.map(|m| m.kind().as_str_name()).collect()
}

fn milestone_mut(plan: &mut OnboardingPlan, kind: Kind) -> Result<&mut Milestone> {
    let missing =
        Error::precondition(ErrorReason::MilestoneNotInPlan.as_str_name(), format!("{} has no {}", plan.name, kind.as_str_name()));
    plan.milestones.iter_mut().find(|m| m.kind() == kind).ok_or(missing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stoa_kernel::Clock;

    use super::*;

    fn cx(days: i64) -> Cx {
        let (clock, _) = Clock::driven(Timestamp::from_micros(1_700_000_000_000_000).plus_days(days));
        Cx::service("t", "onboard", &clock, "")
    }

    fn plan() -> OnboardingPlan {
        new(&Enrollment { name: "enrollments/e".into(), partner: "partners/p".into(), ..Default::default() }, &cx(0))
    }

    proptest! {
        #[test]
        fn any_sequence_keeps_the_invariants(commands in prop::collection::vec((0_u8..5, 1_i32..=7), 0..30)) {
            let mut plan = plan();
            for (day, (command, kind)) in commands.into_iter().enumerate() {
                let cx = cx(day as i64);
                let kind = Kind::try_from(kind).unwrap();
                let result = match command {
                    0 => ended(&plan, kind, &End::ByHand, cx.now, &cx),
                    1 => ended(&plan, kind, &End::ByFact("event"), cx.now, &cx),
                    2 => ended(&plan, kind, &End::Waived("persons/x"), cx.now, &cx),
                    3 => blocked(&plan, kind, "no access", &cx),
                    _ => Ok(escalated(&plan, &cx)),
                };
                let Ok(next) = result else { continue };
                for (old, new) in plan.milestones.iter().zip(&next.milestones) {
                    prop_assert!(!has_ended(old.state()) || old == new, "an ended milestone stays as it is");
                    prop_assert_eq!(has_ended(new.state()), new.end_time.is_some());
                    prop_assert_eq!(new.state() == State::Waived, !new.waived_by.is_empty());
                    let waits = !open_dependencies(&next, new.kind()).is_empty();
                    prop_assert!(new.state() != State::NotStarted || waits, "nothing waits for nothing");
                }
                prop_assert_eq!(next.complete_time.is_some(), next.milestones.iter().all(|m| has_ended(m.state())));
                plan = next;
            }
        }
    }

    #[test]
    fn by_hand_a_milestone_waits_for_its_dependencies_by_fact_it_does_not() {
        let plan = plan();
        let by_hand = ended(&plan, Kind::SalesCertification, &End::ByHand, cx(1).now, &cx(1)).unwrap_err();
        assert_eq!(by_hand.reason(), "MILESTONE_DEPENDENCY_OPEN");
        let by_fact = ended(&plan, Kind::SalesCertification, &End::ByFact("e"), cx(1).now, &cx(1)).unwrap();
        assert_eq!(by_fact.milestones[3].state(), State::Completed);
    }

    #[test]
    fn a_plan_stalls_fourteen_days_after_its_last_progress() {
        let plan = ended(&plan(), Kind::Portal, &End::ByFact("e"), cx(3).now, &cx(3)).unwrap();
        assert_eq!(stall_time(&plan), Some(cx(17).now));
        assert_eq!(stall_time(&escalated(&plan, &cx(17))), None);
    }
}
