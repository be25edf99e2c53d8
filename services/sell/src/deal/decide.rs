//! Decisions about a registration and its protection.

use stoa_kernel::{Cx, Error, Result};
use stoa_proto::sell::v1::{
    ApproveDealRegistrationRequest, Deal, ErrorReason, ExtendDealProtectionRequest, RejectDealRegistrationRequest,
    RequestDealActionRequest, WithdrawDealRegistrationRequest,
};
use stoa_store::Tx;

use super::{
    claim,
    facts::{self, Happened, Step},
    operations::load,
    protection, registration,
};

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveDealRegistrationRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::approved(&current, cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::Approved)]).await
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectDealRegistrationRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::rejected(&current, request.closure_code(), &request.reason, cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::Rejected)]).await
}

pub(super) async fn request_action(tx: &Tx, cx: &Cx, request: &RequestDealActionRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::action_required(&current, &request.required_action, cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::ActionRequired)]).await
}

pub(super) async fn withdraw(tx: &Tx, cx: &Cx, request: &WithdrawDealRegistrationRequest) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = registration::withdrawn(&current, cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::Withdrawn)]).await
}

/// A protection that has ended may be taken up again, unless another
/// registration or direct sales hold the customer by now.
pub(super) async fn extend(tx: &Tx, cx: &Cx, request: &ExtendDealProtectionRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = protection::extended(&current, request.days, cx)?;
    if !protection::stands(&current, cx.now) && claim::held(tx, cx, &current).await?.is_some() {
        let message = format!("the protection of {} had ended and somebody else holds the customer now", current.name);
        return Err(Error::precondition(ErrorReason::DealConflict.as_str_name(), message));
    }
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::ProtectionExtended)]).await
}
