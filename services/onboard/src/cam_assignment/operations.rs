//! What happens to CAM assignments by command.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::onboard::v1::{AssignCamRequest, CamAssigned, CamAssignment};
use stoa_store::Tx;

use super::{assigned, store};
use crate::{partner, person};

pub(super) async fn assign(tx: &Tx, cx: &Cx, request: &AssignCamRequest) -> Result<CamAssignment> {
    cx.require_tenant_reach()?;
    let partner = names::id("partner", "partners", &request.partner)?;
    let cam = names::id("person", "persons", &request.person)?;
    let at = cx.occurred("assign_time", request.assign_time.as_ref())?;
    partner::store::find(tx.conn(), cx, partner).await?.ok_or_else(|| Error::not_found(&request.partner))?;
    person::store::find(tx.conn(), cx, cam).await?.ok_or_else(|| Error::reference_not_found("person", &request.person))?;
    let current = store::lock(tx, cx, partner).await?;
    let version = current.as_ref().map(|c| etag::version(&c.etag)).unwrap_or_default();
    etag::check(&names::name("camAssignments", partner), &request.etag, version)?;
    let Some(assignment) = assigned(current.as_ref(), &request.partner, &request.person, at) else {
        return Ok(current.unwrap_or_default());
    };
    store::save(tx, cx, &assignment).await?;
    let fact = Fact::new(&assignment.name, etag::version(&assignment.etag)).occurred(at).partner(&assignment.partner);
    stoa_events::append(tx, cx, fact, &CamAssigned { cam_assignment: Some(assignment.clone()) }).await?;
    Ok(assignment)
}
