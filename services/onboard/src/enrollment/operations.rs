//! Commands on enrollments. A lapse that is due is recorded first, so that no
//! command changes an enrollment that has ended.

use stoa_events::record_changed;
use stoa_kernel::{Cx, Result, etag, names};
use stoa_proto::onboard::v1::{
    AssignTierRequest, AuthorizeProductLinesRequest, Enrollment, EnrollmentProductLinesAuthorized, EnrollmentReactivated,
    EnrollmentSuspended, EnrollmentTerminated, EnrollmentTierAssigned, ReactivateEnrollmentRequest, SuspendEnrollmentRequest,
    TerminateEnrollmentRequest,
};
use stoa_store::{Tx, documents};

use super::{
    Command, authorized, check_live,
    enroll::{check_product_lines, choose_tier},
    lapse::settle,
    store::Enrollments,
    tier_pinned,
    visibility::refresh_visibility,
    with_next_status,
};
use crate::{agreement, onboarding_plan, scope::require_writer};

/// Loads, locks and settles the enrollment for a caller that may change it. The
/// etag is that of the recorded version, which is the one that callers read.
async fn load(tx: &Tx, cx: &Cx, name: &str, etag: &str) -> Result<Enrollment> {
    let current = documents::load::<Enrollments>(tx, cx, "name", name).await?;
    require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::require(&current, etag)?;
    settle(tx, cx, current).await
}

pub(super) async fn assign_tier(tx: &Tx, cx: &Cx, request: &AssignTierRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    check_live(&current)?;
    let tier = choose_tier(tx, cx, &current.program, &request.tier).await?;
    let enrollment = tier_pinned(&current, &tier, &request.reason, cx.now)?;
    record_changed::<Enrollments, EnrollmentTierAssigned>(tx, cx, &current, enrollment).await
}

pub(super) async fn authorize_product_lines(tx: &Tx, cx: &Cx, request: &AuthorizeProductLinesRequest) -> Result<Enrollment> {
    check_product_lines(&request.product_lines)?;
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let enrollment = authorized(&current, &request.product_lines)?;
    record_changed::<Enrollments, EnrollmentProductLinesAuthorized>(tx, cx, &current, enrollment).await
}

pub(super) async fn suspend(tx: &Tx, cx: &Cx, request: &SuspendEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = with_next_status(&current, Command::Suspend)?;
    enrollment.reason.clone_from(&request.reason);
    onboarding_plan::pause(tx, cx, &enrollment).await?;
    record_changed::<Enrollments, EnrollmentSuspended>(tx, cx, &current, enrollment).await
}

pub(super) async fn reactivate(tx: &Tx, cx: &Cx, request: &ReactivateEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = with_next_status(&current, Command::Reactivate)?;
    enrollment.reason.clear();
    onboarding_plan::resume(tx, cx, &enrollment).await?;
    record_changed::<Enrollments, EnrollmentReactivated>(tx, cx, &current, enrollment).await
}

pub(super) async fn terminate(tx: &Tx, cx: &Cx, request: &TerminateEnrollmentRequest) -> Result<Enrollment> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let mut enrollment = with_next_status(&current, Command::Terminate)?;
    enrollment.reason.clone_from(&request.reason);
    enrollment.competitor.clone_from(&request.competitor);
    enrollment.last_touched_element.clone_from(&request.last_touched_element);
    enrollment.end_time = Some(cx.now.proto());
    agreement::end(tx, cx, &current.agreement, agreement::Command::Terminate, cx.now, &request.reason).await?;
    onboarding_plan::close(tx, cx, &enrollment, cx.now).await?;
    let enrollment = record_changed::<Enrollments, EnrollmentTerminated>(tx, cx, &current, enrollment).await?;
    refresh_visibility(tx, cx, names::last(&enrollment.partner)).await?;
    Ok(enrollment)
}
