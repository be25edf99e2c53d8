//! One call to the owner, if the copy has no row yet.

use futures::FutureExt;
use stoa_kernel::{Cx, Result, names};
use stoa_proto::onboard::v1::{
    Enrollment, GetPartnerRequest, ListEnrollmentsRequest, Partner, enrollment_service_client::EnrollmentServiceClient,
    partner_service_client::PartnerServiceClient,
};
use stoa_service::Deps;
use stoa_store::Tx;
use tonic::Code;

use crate::copy;

/// Enrollments of one partner that are read at once. A partner has one per
/// program.
const ENROLLMENTS_MAX: i32 = 1000;

pub(crate) async fn partner(deps: &Deps, cx: &Cx, id: &str) -> Result<Option<Partner>> {
    let mut owner = PartnerServiceClient::new(deps.peers.channel("onboard", cx));
    let partner = match owner.get_partner(GetPartnerRequest { name: names::name("partners", id) }).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::NotFound => return Ok(None),
        Err(status) => return Err(stoa_rpc::error(&status)),
    };
    let entry = (cx.tenant.clone(), partner.clone());
    deps.store.write(entry, |tx, (tenant, partner)| copy::put_partner(tx, tenant, partner).boxed()).await?;
    Ok(Some(partner))
}

pub(crate) async fn enrollments(deps: &Deps, cx: &Cx, partner_id: &str) -> Result<Vec<Enrollment>> {
    let mut owner = EnrollmentServiceClient::new(deps.peers.channel("onboard", cx));
    let request = ListEnrollmentsRequest {
        page_size: ENROLLMENTS_MAX,
        filter: format!("partner = \"{}\"", names::name("partners", partner_id)),
        ..Default::default()
    };
    let found = owner.list_enrollments(request).await.map_err(|status| stoa_rpc::error(&status))?.into_inner().enrollments;
    let entry = (cx.tenant.clone(), found.clone());
    deps.store.write(entry, |tx, (tenant, found)| keep(tx, tenant, found).boxed()).await?;
    Ok(found)
}

async fn keep(tx: &Tx, tenant: &str, found: &[Enrollment]) -> Result<()> {
    for enrollment in found {
        copy::put(tx, tenant, &enrollment.name, &enrollment.etag, &enrollment.partner, enrollment).await?;
    }
    Ok(())
}
