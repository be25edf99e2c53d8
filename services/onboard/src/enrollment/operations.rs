//! What happens to an enrollment by command. A lapse that is due comes first,
//! so that nothing happens to an enrollment that is over.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::onboard::v1::{
    AssignTierRequest, AuthorizeProductLinesRequest, Enrollment, EnrollmentProductLinesAuthorized, EnrollmentReactivated,
    EnrollmentSuspended, EnrollmentTerminated, EnrollmentTierAssigned, ReactivateEnrollmentRequest, SuspendEnrollmentRequest,
    TerminateEnrollmentRequest,
};
use stoa_store::Tx;

use super::{Command, authorized, check_live, enroll::choose_tier, lapse::settle, moved, store, tier_pinned};
use crate::{agreement, onboarding_plan, partner, scope::require_writer};

/// The enrollment, locked and settled, for a caller that may change it. The
/// etag is that of the recorded version, which is what callers have read.
async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<Enrollment> {
    let id = names::id("name", "enrollments", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::check(name, sent, etag::version(&current.etag))?;
    settle(tx, cx, current).await
}

fn fact<'a>(enrollment: &'a Enrollment, changed: &str) -> Fact<'a> {
    Fact::new(&enrollment.name, etag::version(&enrollment.etag)).partner(&enrollment.partner).changed(vec![changed.to_owned()])
}

pub(super) async fn assign_tier(tx: &Tx, cx: &Cx, request: &AssignTierRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    check_live(&current)?;
    let tier = choose_tier(tx, cx, &current.program, &request.tier).await?;
    let Some(enrollment) = tier_pinned(&current, &tier, &request.reason, cx)? else { return Ok(current) };
    store::save(tx, cx, &enrollment).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "tier"), &EnrollmentTierAssigned { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

pub(super) async fn authorize_product_lines(tx: &Tx, cx: &Cx, request: &AuthorizeProductLinesRequest) -> Result<Enrollment> {
    for line in &request.product_lines {
        names::id("product_lines", "productLines", line)?;
    }
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let Some(enrollment) = authorized(&current, &request.product_lines, cx)? else { return Ok(current) };
    store::save(tx, cx, &enrollment).await?;
    let event = EnrollmentProductLinesAuthorized { enrollment: Some(enrollment.clone()) };
    stoa_events::append(tx, cx, fact(&enrollment, "product_lines"), &event).await?;
    Ok(enrollment)
}

pub(super) async fn suspend(tx: &Tx, cx: &Cx, request: &SuspendEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = moved(&current, Command::Suspend, cx)?;
    enrollment.reason.clone_from(&request.reason);
    store::save(tx, cx, &enrollment).await?;
    onboarding_plan::pause(tx, cx, &enrollment).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "status"), &EnrollmentSuspended { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

pub(super) async fn reactivate(tx: &Tx, cx: &Cx, request: &ReactivateEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = moved(&current, Command::Reactivate, cx)?;
    enrollment.reason.clear();
    store::save(tx, cx, &enrollment).await?;
    onboarding_plan::resume(tx, cx, &enrollment).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "status"), &EnrollmentReactivated { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}

pub(super) async fn terminate(tx: &Tx, cx: &Cx, request: &TerminateEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = moved(&current, Command::Terminate, cx)?;
    enrollment.reason.clone_from(&request.reason);
    enrollment.competitor.clone_from(&request.competitor);
    enrollment.last_touched_element.clone_from(&request.last_touched_element);
    enrollment.end_time = Some(cx.now.proto());
    agreement::end(tx, cx, &current.agreement, agreement::Command::Terminate, cx.now, &request.reason).await?;
    store::save(tx, cx, &enrollment).await?;
    partner::refresh_visibility(tx, cx, names::last(&enrollment.partner)).await?;
    onboarding_plan::close(tx, cx, &enrollment, cx.now).await?;
    stoa_events::append(tx, cx, fact(&enrollment, "status"), &EnrollmentTerminated { enrollment: Some(enrollment.clone()) }).await?;
    Ok(enrollment)
}
