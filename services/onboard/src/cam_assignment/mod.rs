//! CAM assignment: which channel account manager looks after which partner.

mod api;
pub(crate) mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{AssignCamRequest, CamAssigned, CamAssignment};
use stoa_store::Tx;

use crate::{partner, person};

async fn assign(tx: &Tx, cx: &Cx, request: &AssignCamRequest) -> Result<CamAssignment> {
    cx.require_tenant_reach()?;
    let partner = names::id("partner", "partners", &request.partner)?;
    let cam = names::id("person", "persons", &request.person)?;
    partner::store::find(tx.conn(), cx, partner).await?.ok_or_else(|| Error::not_found(&request.partner))?;
    person::store::find(tx.conn(), cx, cam).await?.ok_or_else(|| Error::reference_not_found("person", &request.person))?;
    let at = match &request.assign_time {
        Some(time) => Timestamp::from_proto("assign_time", time)?,
        None => cx.now,
    };
    let current = store::lock(tx, cx, partner).await?;
    if let Some(current) = current.as_ref().filter(|c| c.person == request.person) {
        return Ok(current.clone());
    }
    let assignment = CamAssignment {
        name: names::name("camAssignments", partner),
        partner: request.partner.clone(),
        person: request.person.clone(),
        assign_time: Some(at.proto()),
        etag: etag::next(current.as_ref().map_or("", |c| &c.etag)),
    };
    store::save(tx, cx, &assignment).await?;
    let fact = Fact::new(&assignment.name, etag::version(&assignment.etag)).occurred(at).partner(&assignment.partner);
    stoa_events::append(tx, cx, fact, &CamAssigned { cam_assignment: Some(assignment.clone()) }).await?;
    Ok(assignment)
}
