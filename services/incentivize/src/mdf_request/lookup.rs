//! What requests need to know from other services, looked up before the transaction.

use stoa_kernel::{Cx, Result};
use stoa_proto::{incentivize::v1::CreateMdfRequestRequest, onboard::v1::Partner};
use stoa_service::Deps;

/// Returns the partner that the new request is for.
pub(super) async fn partner(deps: &Deps, cx: &Cx, request: &CreateMdfRequestRequest) -> Result<Partner> {
    let named = request.mdf_request.as_ref().map(|r| r.partner.as_str()).unwrap_or_default();
    stoa_directory::enrolled_for_write(deps, cx, "mdf_request.partner", named).await
}
