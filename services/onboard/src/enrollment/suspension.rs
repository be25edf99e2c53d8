//! Whether a partner is suspended.

use stoa_kernel::{Cx, Result};
use stoa_proto::onboard::v1::Enrollment;
use stoa_rpc::Suspension;
use stoa_service::Deps;

use super::store;

/// Returns a function that derives from the enrollments themselves whether a
/// partner is suspended. Enrollments that have ended do not count.
pub(crate) fn suspension(deps: &Deps) -> Suspension {
    stoa_service::suspension(deps, is_suspended)
}

async fn is_suspended(deps: Deps, tenant: String, partner: String) -> Result<bool> {
    let cx = Cx::service(&tenant, crate::NAME, &deps.clock, "");
    let in_force = store::in_force_of(deps.store.read(), &cx, &partner).await?;
    Ok(stoa_directory::is_suspended(in_force.iter().map(Enrollment::status)))
}
