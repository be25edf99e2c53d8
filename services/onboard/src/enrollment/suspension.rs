//! Whether a partner may do anything for now.

use std::sync::Arc;

use futures::FutureExt;
use stoa_proto::onboard::v1::EnrollmentStatus as Status;
use stoa_rpc::{Deps, Suspension};

use super::store;

/// Tells whether a partner is suspended, from the enrollments themselves; those
/// that are over by now do not count.
pub(crate) fn suspension(deps: &Deps) -> Suspension {
    let deps = deps.clone();
    Arc::new(move |tenant, partner| {
        let (deps, tenant, partner) = (deps.clone(), tenant.to_owned(), partner.to_owned());
        async move {
            let live = store::live_statuses(deps.store.read(), &tenant, &partner, deps.clock.now()).await?;
            Ok(stoa_directory::is_suspended(live.into_iter().filter_map(|status| Status::try_from(status).ok())))
        }
        .boxed()
    })
}
