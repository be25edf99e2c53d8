//! What completions need to know from other services, looked up before the
//! transaction.

use stoa_kernel::{Cx, Result};
use stoa_proto::{enable::v1::RecordCourseCompletionRequest, onboard::v1::Partner};
use stoa_service::Deps;

/// Looks up the partner that the person works for.
pub(super) async fn partner(deps: &Deps, cx: &Cx, request: &RecordCourseCompletionRequest) -> Result<Partner> {
    stoa_directory::acting_partner(deps, cx, "partner", &request.partner).await
}
