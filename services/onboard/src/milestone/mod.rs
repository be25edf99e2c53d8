//! Milestone: a step of an onboarding plan, and the commands, events and instants
//! that move it.
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
//! The rules are not a table of transitions, because a milestone depends on
//! others of its plan, which change with it.
//!
//! A plan whose enrollment has ended accepts no change, so the enrollment is
//! settled first. That is why this room is above [`crate::enrollment`], and
//! [`crate::onboarding_plan`] below it.

mod api;
mod events;
mod operations;
mod sweep;

use stoa_kernel::{Error, Result, Timestamp};
use stoa_proto::onboard::v1::{ErrorReason, Milestone, MilestoneKind as Kind, MilestoneState as State, OnboardingPlan};

pub(crate) use events::subscriptions;
pub(crate) use sweep::stall_job;

/// How a milestone ends.
enum End<'a> {
    ByHand,
    ByEvent(&'a str),
    Waived(&'a str),
}

fn has_ended(state: State) -> bool {
    matches!(state, State::Completed | State::Waived)
}

/// Refuses commands to a plan that ended with its enrollment.
fn check_not_ended(plan: &OnboardingPlan) -> Result<()> {
    if plan.end_time.is_none() {
        return Ok(());
    }
    Err(Error::state(&plan.name, "ENDED", "a plan whose enrollment has not ended"))
}

/// Returns the plan with a milestone ended. An event ends it whatever it depends
/// on. By hand, it ends only after its dependencies.
fn with_milestone_ended(plan: &OnboardingPlan, kind: Kind, end: &End<'_>, at: Timestamp) -> Result<OnboardingPlan> {
    check_not_ended(plan)?;
    let mut next = plan.clone();
    let open = open_dependencies(plan, kind);
    let milestone = milestone_mut(&mut next, kind)?;
    if has_ended(milestone.state()) {
        return Err(Error::state(&plan.name, milestone.state().as_str_name(), "a milestone that has not ended"));
    }
    match end {
        End::ByHand if !open.is_empty() => {
            let message = format!("{} depends on {}. Complete or waive those milestones first.", kind.as_str_name(), open.join(", "));
            let refusal = Error::precondition(ErrorReason::MilestoneDependencyOpen, message);
            return Err(refusal.with_field("kind", "depends on an open milestone"));
        }
        End::ByHand => milestone.set_state(State::Completed),
        End::ByEvent(event) => {
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
    Ok(progressed(next, at))
}

/// Returns the plan with a milestone blocked by a barrier. An escalated
/// milestone stays escalated.
fn blocked(plan: &OnboardingPlan, kind: Kind, barrier: &str) -> Result<OnboardingPlan> {
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
    Ok(next)
}

/// Returns the plan with its first open milestone escalated to the concierge.
fn escalated(plan: &OnboardingPlan) -> OnboardingPlan {
    let mut next = plan.clone();
    if let Some(milestone) = next.milestones.iter_mut().find(|m| matches!(m.state(), State::InProgress | State::Blocked)) {
        milestone.set_state(State::Escalated);
    }
    next
}

/// Opens milestones whose dependencies have ended, and completes the plan with
/// its last milestone.
fn progressed(mut plan: OnboardingPlan, at: Timestamp) -> OnboardingPlan {
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
    plan
}

fn open_dependencies(plan: &OnboardingPlan, kind: Kind) -> Vec<&'static str> {
    let wanted: Vec<Kind> = plan.milestones.iter().filter(|m| m.kind() == kind).flat_map(Milestone::depends_on).collect();
    let open = plan.milestones.iter().filter(|m| wanted.contains(&m.kind()) && !has_ended(m.state()));
    open.map(|m| m.kind().as_str_name()).collect()
}

fn milestone_mut(plan: &mut OnboardingPlan, kind: Kind) -> Result<&mut Milestone> {
    let missing = Error::precondition(ErrorReason::MilestoneNotInPlan, format!("{} has no milestone {}", plan.name, kind.as_str_name()));
    plan.milestones.iter_mut().find(|m| m.kind() == kind).ok_or(missing)
}

#[cfg(test)]
mod tests;
