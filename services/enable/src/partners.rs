//! Whom engagement is recorded for.

use stoa_kernel::{Cx, Reach, Result};
use stoa_proto::onboard::v1::Partner;
use stoa_rpc::Deps;

/// The partner that a record is for. A partner's people record while they have
/// an enrollment in force; the vendor's people may bring in history of partners
/// that have left. Asks the directory, so it runs before the write transaction.
pub(crate) async fn for_record(deps: &Deps, cx: &Cx, field: &str, named: &str) -> Result<Partner> {
    match cx.caller.reach {
        Reach::Partner(_) => stoa_directory::enrolled_for_write(deps, cx, field, named).await,
        Reach::Tenant => stoa_directory::partner_for_write(deps, cx, field, named).await,
    }
}
