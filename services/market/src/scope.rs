//! Whose rows a caller may write.

use stoa_kernel::{Cx, Result, names};
use stoa_rpc::Deps;

/// The partner (`partners/{partner}`) that a write is for: the caller's own
/// where it is bound to one, else the one that the request names. Asks the
/// directory, so it runs before the write transaction.
pub(crate) async fn partner_for_write(deps: &Deps, cx: &Cx, field: &str, named: &str) -> Result<String> {
    let id = cx.partner_for_write(field, names::optional_id(field, "partners", named)?)?;
    Ok(stoa_directory::require_partner(deps, cx, field, &names::name("partners", &id)).await?.name)
}
