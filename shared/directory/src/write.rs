//! Who may write for a partner.

use sea_orm::ConnectionTrait;
use stoa_kernel::{Cx, Error, Kind, Reach, Result, names};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::onboard::v1::{CamAssignment, Partner};
use stoa_service::Deps;

use crate::{copy, require_enrolled, require_partner};

/// Refuses callers that may see an object of a partner (by ID) but not write
/// it: a partner's people write only for their own organization, a CAM only for
/// the partners that it is assigned to. `name` is the name of the object.
///
/// # Errors
/// PERMISSION_DENIED `SCOPE_EXCEEDED`, `PARTNER_NOT_ASSIGNED`.
pub async fn require_writer<C: ConnectionTrait>(conn: &C, cx: &Cx, name: &str, partner_id: &str) -> Result<()> {
    cx.require_own(name, partner_id)?;
    if !cx.caller.assigned_only {
        return Ok(());
    }
    let assignment = copy::find::<CamAssignment, _>(conn, &cx.tenant, &names::name("camAssignments", partner_id)).await?;
    require_assigned(cx, name, partner_id, assignment.as_ref())
}

/// Refuses a CAM that is not assigned to a partner.
///
/// # Errors
/// PERMISSION_DENIED `PARTNER_NOT_ASSIGNED`.
pub fn require_assigned(cx: &Cx, name: &str, partner_id: &str, assignment: Option<&CamAssignment>) -> Result<()> {
    if !cx.caller.assigned_only || assignment.is_some_and(|a| a.person == cx.caller.person()) {
        return Ok(());
    }
    let message = format!("{name} belongs to partners/{partner_id}, which is not assigned to you. Channel operations can assign it.");
    Err(Error::new(Kind::PermissionDenied, ErrorReason::PartnerNotAssigned, message))
}

/// The partner that a write is for: the caller's own if the caller is bound to
/// a partner, otherwise the one that the request names. Asks the directory, so
/// it runs before the write transaction.
///
/// # Errors
/// As for [`require_partner`] and [`require_writer`].
pub async fn partner_for_write(deps: &Deps, cx: &Cx, field: &str, named: &str) -> Result<Partner> {
    let name = named_or_own(cx, field, named)?;
    let partner = require_partner(deps, cx, field, &name).await?;
    require_writer(deps.store.read(), cx, &name, names::last(&name)).await?;
    Ok(partner)
}

/// Like [`partner_for_write`], for what only a partner with an enrollment in
/// force may do.
///
/// # Errors
/// As for [`require_enrolled`] and [`require_writer`].
pub async fn enrolled_for_write(deps: &Deps, cx: &Cx, field: &str, named: &str) -> Result<Partner> {
    let name = named_or_own(cx, field, named)?;
    let (partner, _) = require_enrolled(deps, cx, field, &name).await?;
    require_writer(deps.store.read(), cx, &name, names::last(&name)).await?;
    Ok(partner)
}

/// The partner that something is recorded or done for. A partner's people may
/// do this while they have an enrollment in force. The vendor's people may
/// import the history of partners that have left.
///
/// # Errors
/// As for [`enrolled_for_write`] for a partner's people, as for
/// [`partner_for_write`] for the vendor's.
pub async fn acting_partner(deps: &Deps, cx: &Cx, field: &str, named: &str) -> Result<Partner> {
    match cx.caller.reach {
        Reach::Partner(_) | Reach::Object(_) => enrolled_for_write(deps, cx, field, named).await,
        Reach::Tenant => partner_for_write(deps, cx, field, named).await,
    }
}

fn named_or_own(cx: &Cx, field: &str, named: &str) -> Result<String> {
    let id = cx.partner_for_write(field, names::optional_id(field, "partners", named)?)?;
    Ok(names::name("partners", &id))
}
