//! Commands on the status and the tier of an enrollment.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::onboard::v1::{
    AgreementState, AssignTierRequest, Enrollment, EnrollmentReactivated, EnrollmentStatus as Status, EnrollmentSuspended,
    EnrollmentTerminated, EnrollmentTierAssigned, ReactivateEnrollmentRequest, SuspendEnrollmentRequest, TerminateEnrollmentRequest,
    TierCause,
};
use stoa_store::Tx;

use super::{enroll::choose_tier, moved, store, tier_assigned};
use crate::{agreement, partner};

async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<Enrollment> {
    let id = names::id("name", "enrollments", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

fn fact<'a>(enrollment: &'a Enrollment, changed: &str) -> Fact<'a> {
    Fact::new(&enrollment.name, etag::version(&enrollment.etag)).partner(&enrollment.partner).changed(vec![changed.to_owned()])
}

pub(super) async fn assign_tier(tx: &Tx, cx: &Cx, request: &AssignTierRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let tier = choose_tier(tx, cx, &current.program, &request.tier).await?;
    let mut enrollment = tier_assigned(&current, &tier, TierCause::Pin, cx)?;
    enrollment.reason.clone_from(&request.reason);
    store::save(tx, cx, &enrollment).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "tier"), &EnrollmentTierAssigned { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

pub(super) async fn suspend(tx: &Tx, cx: &Cx, request: &SuspendEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = moved(&current, &[Status::Enrolled], Status::Suspended, cx)?;
    enrollment.reason.clone_from(&request.reason);
    store::save(tx, cx, &enrollment).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "status"), &EnrollmentSuspended { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

pub(super) async fn reactivate(tx: &Tx, cx: &Cx, request: &ReactivateEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = moved(&current, &[Status::Suspended], Status::Enrolled, cx)?;
    enrollment.reason.clear();
    store::save(tx, cx, &enrollment).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "status"), &EnrollmentReactivated { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

pub(super) async fn terminate(tx: &Tx, cx: &Cx, request: &TerminateEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = moved(&current, &[Status::Enrolled, Status::Suspended], Status::Terminated, cx)?;
    enrollment.reason.clone_from(&request.reason);
    enrollment.competitor.clone_from(&request.competitor);
    enrollment.last_touched_element.clone_from(&request.last_touched_element);
    enrollment.end_time = Some(cx.now.proto());
    agreement::end(tx, cx, &current.agreement, AgreementState::Terminated, cx.now, &request.reason).await?;
    store::save(tx, cx, &enrollment).await?;
    partner::refresh_visibility(tx, cx, names::last(&enrollment.partner)).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "status"), &EnrollmentTerminated { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}
