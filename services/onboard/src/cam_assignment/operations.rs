//! Commands on CAM assignments.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Error, Result, etag, names};
use stoa_proto::onboard::v1::{AssignCamRequest, CamAssigned, CamAssignment};
use stoa_store::{Tx, documents};

use crate::{partner::store::Partners, person::store::Persons, scope::CamAssignments};

/// Assigns a person to a partner. Nothing happens if that person is assigned
/// already.
pub(super) async fn assign(tx: &Tx, cx: &Cx, request: &AssignCamRequest) -> Result<CamAssignment> {
    cx.require_tenant_reach()?;
    let partner = documents::id::<Partners>("partner", &request.partner)?;
    let at = cx.occurred("assign_time", request.assign_time.as_ref())?;
    documents::find::<Partners, _>(tx.conn(), cx, &partner).await?.ok_or_else(|| Error::not_found(&request.partner))?;
    documents::get_referenced::<Persons, _>(tx.conn(), cx, "person", &request.person).await?;
    let current = documents::lock::<CamAssignments>(tx, cx, &partner).await?;
    let next = CamAssignment {
        name: names::name("camAssignments", &partner),
        partner: request.partner.clone(),
        person: request.person.clone(),
        assign_time: Some(at.proto()),
        ..CamAssignment::default()
    };
    let version = current.as_ref().map_or(0, |current| etag::version(&current.etag));
    etag::check(&next.name, &request.etag, version)?;
    match current {
        Some(current) if current.person == next.person => Ok(current),
        current => record::<CamAssignments>(tx, cx, current.as_ref(), [Step::new::<CamAssigned>(next).at(at)]).await,
    }
}
