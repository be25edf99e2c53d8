use proptest::prelude::*;
use stoa_events::Event;
use stoa_proto::onboard::v1::{
    Agreement, BlockMilestoneRequest, CompleteMilestoneRequest, Enrollment, GetOnboardingPlanRequest, ListOnboardingPlansRequest,
    ReactivateEnrollmentRequest, SuspendEnrollmentRequest, TerminateEnrollmentRequest, WaiveMilestoneRequest,
    enrollment_service_server::EnrollmentService, onboarding_plan_service_server::OnboardingPlanService,
};

use super::*;
use crate::{
    onboarding_plan::{closed, new, paused, resumed, stall_time},
    testing::{Bench, occurred, reason},
};

fn day(days: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).plus_days(days)
}

fn plan() -> OnboardingPlan {
    new(&Enrollment { name: "enrollments/e".into(), partner: "partners/p".into(), ..Default::default() }, day(0))
}

#[derive(Debug, Clone, Copy)]
enum Command {
    Complete,
    Event,
    Waive,
    Block,
    Escalate,
}

const COMMANDS: [Command; 5] = [Command::Complete, Command::Event, Command::Waive, Command::Block, Command::Escalate];

fn apply(plan: &OnboardingPlan, command: Command, kind: Kind, now: Timestamp) -> Result<OnboardingPlan> {
    match command {
        Command::Complete => with_milestone_ended(plan, kind, &End::ByHand, now),
        Command::Event => with_milestone_ended(plan, kind, &End::ByEvent("event"), now),
        Command::Waive => with_milestone_ended(plan, kind, &End::Waived("persons/x"), now),
        Command::Block => blocked(plan, kind, "no access"),
        Command::Escalate => Ok(escalated(plan)),
    }
}

/// The state that each command, in the order above, leads to from each state;
/// `None` if it is refused. NOT_STARTED is a milestone that depends on another.
const TABLE: [(State, [Option<State>; 5]); 6] = {
    use State::{Blocked, Completed, Escalated, InProgress, NotStarted, Waived};
    [
        (NotStarted, [None, Some(Completed), Some(Waived), Some(Blocked), Some(NotStarted)]),
        (InProgress, [Some(Completed), Some(Completed), Some(Waived), Some(Blocked), Some(Escalated)]),
        (Blocked, [Some(Completed), Some(Completed), Some(Waived), None, Some(Escalated)]),
        (Escalated, [Some(Completed), Some(Completed), Some(Waived), Some(Escalated), Some(Escalated)]),
        (Completed, [None, None, None, None, Some(Completed)]),
        (Waived, [None, None, None, None, Some(Waived)]),
    ]
};

/// A plan whose first milestone is in a state. The second has ended, unless the
/// first depends on it.
fn plan_with(state: State) -> OnboardingPlan {
    let mut plan = plan();
    plan.milestones.truncate(1);
    plan.milestones[0].set_state(state);
    plan.milestones[0].end_time = has_ended(state).then(|| day(0).proto());
    let waits = state == State::NotStarted;
    let other = if waits { State::InProgress } else { State::Waived };
    plan.milestones.push(Milestone { kind: Kind::KickOff as i32, state: other as i32, ..Default::default() });
    plan.milestones[0].depends_on = if waits { vec![Kind::KickOff as i32] } else { Vec::new() };
    plan
}

#[test]
fn every_command_follows_the_table_from_every_state() {
    for (state, row) in TABLE {
        for (command, expected) in COMMANDS.into_iter().zip(row) {
            let got = apply(&plan_with(state), command, Kind::Portal, day(1));
            assert_eq!(got.as_ref().ok().map(|p| p.milestones[0].state()), expected, "{state:?} {command:?}");
            if let (Ok(next), Command::Block) = (&got, command) {
                assert_eq!(next.milestones[0].barrier, "no access");
            }
            if let Err(error) = got {
                let waits = state == State::NotStarted;
                assert_eq!(error.reason(), if waits { "MILESTONE_DEPENDENCY_OPEN" } else { "STATE_INVALID" });
            }
        }
    }
}

#[test]
fn a_plan_that_has_ended_refuses_every_command() {
    let ended = closed(&plan(), day(1)).unwrap();
    for command in [Command::Complete, Command::Event, Command::Waive, Command::Block] {
        assert_eq!(apply(&ended, command, Kind::Portal, day(2)).unwrap_err().reason(), "STATE_INVALID", "{command:?}");
    }
    assert_eq!(stall_time(&ended), None);
    assert!(closed(&ended, day(2)).is_none() && paused(&ended, day(2)).is_none() && resumed(&ended, day(2)).is_none());
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_invariants(commands in prop::collection::vec((0_usize..5, 1_i32..=7), 0..30)) {
        let mut plan = plan();
        for (days, (command, kind)) in commands.into_iter().enumerate() {
            let Ok(next) = apply(&plan, COMMANDS[command], Kind::try_from(kind).unwrap(), day(days as i64)) else { continue };
            for (old, new) in plan.milestones.iter().zip(&next.milestones) {
                prop_assert!(!has_ended(old.state()) || old == new, "an ended milestone never changes");
                prop_assert!(old.state() != State::Escalated || new.state() == State::Escalated || has_ended(new.state()));
                prop_assert_eq!(has_ended(new.state()), new.end_time.is_some());
                prop_assert_eq!(new.state() == State::Waived, !new.waived_by.is_empty());
                let waits = !open_dependencies(&next, new.kind()).is_empty();
                prop_assert!(new.state() != State::NotStarted || waits, "a milestone that is not started depends on an open one");
            }
            prop_assert_eq!(next.complete_time.is_some(), next.milestones.iter().all(|m| has_ended(m.state())));
            plan = next;
        }
    }
}

#[test]
fn a_milestone_waits_for_its_dependencies_by_hand_but_not_by_event() {
    let plan = plan();
    let by_hand = with_milestone_ended(&plan, Kind::SalesCertification, &End::ByHand, day(1)).unwrap_err();
    assert_eq!(by_hand.reason(), "MILESTONE_DEPENDENCY_OPEN");
    let by_event = with_milestone_ended(&plan, Kind::SalesCertification, &End::ByEvent("e"), day(1)).unwrap();
    assert_eq!(by_event.milestones[3].state(), State::Completed);
    let short = OnboardingPlan { milestones: plan.milestones[..1].to_vec(), ..plan };
    assert_eq!(blocked(&short, Kind::KickOff, "x").unwrap_err().reason(), "MILESTONE_NOT_IN_PLAN");
}

#[test]
fn a_plan_stalls_fourteen_days_after_its_last_progress_but_not_while_paused() {
    let plan = with_milestone_ended(&plan(), Kind::Portal, &End::ByEvent("e"), day(3)).unwrap();
    assert_eq!(stall_time(&plan), Some(day(17)));
    assert_eq!(stall_time(&escalated(&plan)), None);
    let paused = paused(&plan, day(5)).unwrap();
    assert_eq!(stall_time(&paused), None);
    assert_eq!(stall_time(&resumed(&paused, day(30)).unwrap()), Some(day(44)));
}

#[test]
fn a_plan_counts_from_the_later_of_enrollment_and_now() {
    let from = |days: i64| Enrollment { effective_time: Some(day(days).proto()), ..Default::default() };
    assert_eq!(new(&from(-40), day(0)).start_time, Some(day(0).proto()));
    assert_eq!(new(&from(-40), day(0)).milestones[0].due_time, Some(day(2).proto()));
    assert_eq!(new(&from(10), day(0)).start_time, Some(day(10).proto()));
}

async fn read(bench: &Bench, id: &str) -> OnboardingPlan {
    let request = GetOnboardingPlanRequest { name: format!("onboardingPlans/{id}") };
    bench.api.get_onboarding_plan(bench.as_vendor(request)).await.unwrap().into_inner()
}

fn state_of(plan: &OnboardingPlan, kind: Kind) -> State {
    plan.milestones.iter().find(|m| m.kind() == kind).unwrap().state()
}

/// Delivers the event of a course that was completed at an instant.
async fn course_completed(bench: &Bench, partner: &str, at: Timestamp) {
    let event = Event {
        event_id: "e".into(),
        tenant: "t".into(),
        subject: "enable.course_completion.recorded".into(),
        partner: format!("partners/{partner}"),
        occurred_time: Some(at.proto()),
        ..Event::default()
    };
    bench.deliver(&subscriptions(&bench.deps.clock)[0], event).await.unwrap();
}

#[tokio::test]
async fn a_plan_stalls_once_per_period_and_a_barrier_keeps_it_escalated() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    bench.pass_days(13);
    assert_eq!(bench.sweep("onboarding-stall").await, 0);
    let due = bench.now().plus_days(1);
    bench.pass_days(3);
    assert_eq!(bench.sweep("onboarding-stall").await, 1);
    assert_eq!(state_of(&read(&bench, "acme").await, Kind::Portal), State::Escalated);
    let escalation = bench.events().await.pop().unwrap();
    assert_eq!((escalation.subject.as_str(), occurred(&escalation)), ("onboard.onboarding_plan.escalated", due));

    let block = BlockMilestoneRequest {
        name: "onboardingPlans/acme".into(),
        kind: Kind::Portal as i32,
        barrier: "no account".into(),
        ..Default::default()
    };
    let plan = bench.api.block_milestone(bench.as_vendor(block)).await.unwrap().into_inner();
    assert_eq!((state_of(&plan, Kind::Portal), plan.milestones[0].barrier.as_str()), (State::Escalated, "no account"));
    bench.pass_days(30);
    assert_eq!(bench.sweep("onboarding-stall").await, 0, "the concierge has it");

    let complete = CompleteMilestoneRequest { name: "onboardingPlans/acme".into(), kind: Kind::Portal as i32, ..Default::default() };
    bench.api.complete_milestone(bench.as_vendor(complete)).await.unwrap();
    bench.pass_days(14);
    assert_eq!(bench.sweep("onboarding-stall").await, 1, "a new period");
    assert_eq!(state_of(&read(&bench, "acme").await, Kind::KickOff), State::Escalated);
}

#[tokio::test]
async fn a_plan_ends_when_its_enrollment_is_terminated() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    bench.pass_days(5);
    let request = TerminateEnrollmentRequest { name: "enrollments/acme".into(), reason: "left".into(), ..Default::default() };
    bench.api.terminate_enrollment(bench.as_vendor(request)).await.unwrap();
    let ended = read(&bench, "acme").await;
    assert_eq!((ended.end_time, ended.complete_time), (Some(bench.now().proto()), None));
    bench.pass_days(30);
    assert_eq!(bench.sweep("onboarding-stall").await, 0);
    course_completed(&bench, "acme", bench.now()).await;
    let waive = WaiveMilestoneRequest { name: ended.name.clone(), kind: Kind::KickOff as i32, ..Default::default() };
    assert_eq!(reason(bench.api.waive_milestone(bench.as_vendor(waive)).await), "STATE_INVALID");
    assert_eq!(read(&bench, "acme").await, ended, "it no longer changes");
    let list = ListOnboardingPlansRequest { filter: "end_time > \"2020-01-01T00:00:00Z\"".into(), ..Default::default() };
    assert_eq!(bench.api.list_onboarding_plans(bench.as_vendor(list)).await.unwrap().into_inner().onboarding_plans, [ended]);
}

#[tokio::test]
async fn a_plan_ends_with_the_lapse_whatever_finds_it_first() {
    let bench = Bench::new().await;
    let until = bench.in_days(10);
    for id in ["swept", "commanded", "notified"] {
        bench.enroll_by(id, "", Agreement { expire_time: until, ..Default::default() }).await;
    }
    bench.pass_days(20);
    course_completed(&bench, "notified", bench.now()).await;
    let notified = read(&bench, "notified").await;
    assert_eq!((notified.end_time, state_of(&notified, Kind::ProductCourse)), (until, State::NotStarted));
    let waive = WaiveMilestoneRequest { name: "onboardingPlans/commanded".into(), kind: Kind::KickOff as i32, ..Default::default() };
    assert_eq!(reason(bench.api.waive_milestone(bench.as_vendor(waive)).await), "STATE_INVALID");
    assert_eq!(bench.sweep("onboarding-stall").await, 0, "two plans would have stalled only after their end");
    for id in ["swept", "commanded", "notified"] {
        assert_eq!(read(&bench, id).await.end_time, until, "{id}");
    }
    let escalated = bench.subjects().await.into_iter().filter(|s| s == "onboarding_plan.escalated").count();
    assert_eq!(escalated, 0);
}

#[tokio::test]
async fn a_plan_pauses_while_its_enrollment_is_suspended() {
    let bench = Bench::new().await;
    let name = bench.enroll("acme").await.name;
    bench.pass_days(10);
    let suspend = SuspendEnrollmentRequest { name: name.clone(), reason: "audit".into(), ..Default::default() };
    bench.api.suspend_enrollment(bench.as_vendor(suspend)).await.unwrap();
    assert_eq!(read(&bench, "acme").await.pause_time, Some(bench.now().proto()));
    bench.pass_days(30);
    assert_eq!(bench.sweep("onboarding-stall").await, 0);
    bench.api.reactivate_enrollment(bench.as_vendor(ReactivateEnrollmentRequest { name, ..Default::default() })).await.unwrap();
    bench.pass_days(13);
    assert_eq!(bench.sweep("onboarding-stall").await, 0, "the stall time starts anew");
    bench.pass_days(1);
    assert_eq!(bench.sweep("onboarding-stall").await, 1);
}

#[tokio::test]
async fn a_cam_changes_the_plans_of_assigned_partners_only() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    bench.enroll("other").await;
    bench.assign("cam", "acme").await;
    let waive =
        |id: &str| WaiveMilestoneRequest { name: format!("onboardingPlans/{id}"), kind: Kind::KickOff as i32, ..Default::default() };
    let plan = bench.api.waive_milestone(bench.as_cam("cam", waive("acme"))).await.unwrap().into_inner();
    assert_eq!(plan.milestones[1].waived_by, "persons/cam");
    assert_eq!(reason(bench.api.waive_milestone(bench.as_cam("cam", waive("other"))).await), "PARTNER_NOT_ASSIGNED");
    let stale = WaiveMilestoneRequest { etag: "\"1\"".into(), kind: Kind::Portal as i32, ..waive("acme") };
    assert_eq!(reason(bench.api.waive_milestone(bench.as_vendor(stale)).await), "ETAG_MISMATCH");
}
