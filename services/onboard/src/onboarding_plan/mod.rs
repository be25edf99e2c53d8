//! Onboarding plan: the steps from enrollment to the first review.
//!
//! | milestone from | to | by |
//! | --- | --- | --- |
//! | NOT_STARTED | IN_PROGRESS | its dependencies ending |
//! | NOT_STARTED, IN_PROGRESS, BLOCKED, ESCALATED | COMPLETED | CompleteMilestone, or the fact it stands for |
//! | NOT_STARTED, IN_PROGRESS | BLOCKED(barrier) | BlockMilestone |
//! | ESCALATED | ESCALATED(barrier) | BlockMilestone |
//! | NOT_STARTED, IN_PROGRESS, BLOCKED, ESCALATED | WAIVED(by) | WaiveMilestone |
//! | IN_PROGRESS, BLOCKED | ESCALATED | the stall time of 14 days without progress |
//!
//! A plan ends complete, with its last milestone, or incomplete, with its
//! enrollment; then nothing happens to it any more. While the enrollment is
//! suspended the plan rests: it does not stall, facts still complete milestones.

mod api;
mod operations;
mod store;
mod sweep;

use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{Enrollment, ErrorReason, Milestone, MilestoneKind as Kind, MilestoneState as State, OnboardingPlan};

pub(crate) use operations::{close, pause, resume, start, subscriptions};
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

/// A plan of the default track for an enrollment. It counts from the first
/// instant enrolled, and from now where that is past: what is due lies ahead.
fn new(enrollment: &Enrollment, cx: &Cx) -> OnboardingPlan {
    let from = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or(cx.now).max(cx.now);
    let milestones = TRACK.iter().map(|(kind, hours, behind)| Milestone {
        kind: *kind as i32,
        state: if behind.is_none() { State::InProgress } else { State::NotStarted } as i32,
        due_time: Some(from.plus_hours(*hours).proto()),
        depends_on: behind.iter().map(|k| *k as i32).collect(),
        ..Default::default()
    });
    OnboardingPlan {
        name: names::name("onboardingPlans", names::last(&enrollment.name)),
        enrollment: enrollment.name.clone(),
        partner: enrollment.partner.clone(),
        milestones: milestones.collect(),
        start_time: Some(from.proto()),
        progress_time: Some(from.proto()),
        etag: etag::of(1),
        update_time: Some(cx.now.proto()),
        ..Default::default()
    }
}

fn has_ended(state: State) -> bool {
    matches!(state, State::Completed | State::Waived)
}

/// Neither complete nor ended with its enrollment.
fn is_open(plan: &OnboardingPlan) -> bool {
    plan.complete_time.is_none() && plan.end_time.is_none()
}

/// When the plan is escalated if nothing happens; nothing where it is over,
/// rests, or was escalated already: until that milestone ends, the concierge
/// has the plan.
fn stall_time(plan: &OnboardingPlan) -> Option<Timestamp> {
    let escalated = plan.milestones.iter().any(|m| m.state() == State::Escalated);
    let progress = Timestamp::stored(plan.progress_time.as_ref())?;
    let resumed = Timestamp::stored(plan.resume_time.as_ref()).unwrap_or(progress);
    let stalls = is_open(plan) && plan.pause_time.is_none() && !escalated;
    stalls.then(|| progress.max(resumed).plus_days(STALL_DAYS))
}

/// Refuses commands to a plan that ended with its enrollment.
fn check_not_ended(plan: &OnboardingPlan) -> Result<()> {
    if plan.end_time.is_none() {
        return Ok(());
    }
    Err(Error::state(&plan.name, "ENDED", "a plan whose enrollment has not ended"))
}

/// The plan after its enrollment ended; nothing where it was over before.
fn closed(plan: &OnboardingPlan, at: Timestamp, cx: &Cx) -> Option<OnboardingPlan> {
    let ended = || OnboardingPlan { end_time: Some(at.proto()), pause_time: None, ..plan.clone() };
    is_open(plan).then(|| revised(ended(), cx))
}

/// The plan at rest; nothing where it is over.
fn paused(plan: &OnboardingPlan, cx: &Cx) -> Option<OnboardingPlan> {
    let rests = || OnboardingPlan { pause_time: Some(cx.now.proto()), ..plan.clone() };
    (is_open(plan) && plan.pause_time.is_none()).then(|| revised(rests(), cx))
}

/// The plan going on; nothing where it did not rest.
fn resumed(plan: &OnboardingPlan, cx: &Cx) -> Option<OnboardingPlan> {
    let goes_on = || OnboardingPlan { pause_time: None, resume_time: Some(cx.now.proto()), ..plan.clone() };
    (is_open(plan) && plan.pause_time.is_some()).then(|| revised(goes_on(), cx))
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
    check_not_ended(plan)?;
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

/// Records a barrier. What is with the concierge stays there.
fn blocked(plan: &OnboardingPlan, kind: Kind, barrier: &str, cx: &Cx) -> Result<OnboardingPlan> {
    check_not_ended(plan)?;
    let mut next = plan.clone();
    let milestone = milestone_mut(&mut next, kind)?;
    if has_ended(milestone.state()) || milestone.state() == State::Blocked {
        return Err(Error::state(&plan.name, milestone.state().as_str_name(), "a milestone that is open and not blocked"));
    }
    if milestone.state() != State::Escalated {
        milestone.set_state(State::Blocked);
    }
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
        plan.pause_time = None;
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
mod tests;
