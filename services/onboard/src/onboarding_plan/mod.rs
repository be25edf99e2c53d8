//! Onboarding plan: the steps from enrollment to the first review.
//!
//! A plan ends complete, with its last milestone, or incomplete, with its
//! enrollment. After that it never changes. While the enrollment is suspended
//! the plan is paused: it does not stall, but events still complete milestones.
//! Changes to its milestones are in [`crate::milestone`].

mod operations;
pub(crate) mod store;

use stoa_kernel::{Timestamp, names};
use stoa_proto::onboard::v1::{Enrollment, Milestone, MilestoneKind as Kind, MilestoneState as State, OnboardingPlan};

pub(crate) use operations::{close, pause, resume, start};

/// The default track: milestone, hours until it is due, milestone that it
/// depends on.
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

/// Creates a plan of the default track for an enrollment. It counts from the
/// start of the enrollment, or from now if that is past, so that all due times
/// are ahead.
pub(crate) fn new(enrollment: &Enrollment, now: Timestamp) -> OnboardingPlan {
    let from = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or(now).max(now);
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
        ..Default::default()
    }
}

/// Whether the plan is neither complete nor ended with its enrollment.
pub(crate) fn is_open(plan: &OnboardingPlan) -> bool {
    plan.complete_time.is_none() && plan.end_time.is_none()
}

/// Returns when the plan is escalated if it makes no progress; `None` if it is
/// closed or paused, or while the concierge has an escalated milestone.
pub(crate) fn stall_time(plan: &OnboardingPlan) -> Option<Timestamp> {
    let escalated = plan.milestones.iter().any(|m| m.state() == State::Escalated);
    let progress = Timestamp::stored(plan.progress_time.as_ref())?;
    let resumed = Timestamp::stored(plan.resume_time.as_ref()).unwrap_or(progress);
    let stalls = is_open(plan) && plan.pause_time.is_none() && !escalated;
    stalls.then(|| progress.max(resumed).plus_days(STALL_DAYS))
}

/// Returns the plan after its enrollment ended; `None` if it was closed before.
pub(crate) fn closed(plan: &OnboardingPlan, at: Timestamp) -> Option<OnboardingPlan> {
    is_open(plan).then(|| OnboardingPlan { end_time: Some(at.proto()), pause_time: None, ..plan.clone() })
}

/// Returns the paused plan; `None` if it is closed or already paused.
pub(crate) fn paused(plan: &OnboardingPlan, now: Timestamp) -> Option<OnboardingPlan> {
    let pause = || OnboardingPlan { pause_time: Some(now.proto()), ..plan.clone() };
    (is_open(plan) && plan.pause_time.is_none()).then(pause)
}

/// Returns the resumed plan; `None` if it is closed or was not paused.
pub(crate) fn resumed(plan: &OnboardingPlan, now: Timestamp) -> Option<OnboardingPlan> {
    let resume = || OnboardingPlan { pause_time: None, resume_time: Some(now.proto()), ..plan.clone() };
    (is_open(plan) && plan.pause_time.is_some()).then(resume)
}
