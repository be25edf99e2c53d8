//! What awards need to know from other services, looked up before the
//! transaction.

use stoa_kernel::{Cx, Result};
use stoa_proto::{enable::v1::AwardCertificationRequest, onboard::v1::Partner};
use stoa_service::Deps;

/// Looks up the partner that the award is for.
pub(super) async fn partner(deps: &Deps, cx: &Cx, request: &AwardCertificationRequest) -> Result<Partner> {
    stoa_directory::partner_for_write(deps, cx, "partner", &request.partner).await
}
