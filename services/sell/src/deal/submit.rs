//! Submitting a registration, where conflicts are decided.

use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::sell::v1::{Deal, SubmitDealRegistrationRequest};
use stoa_rpc::Deps;
use stoa_store::Tx;

use super::{
    claim,
    facts::{self, Happened, Step},
    operations::load,
    registration, store,
};

/// Product lines that each enrollment in force of the deal's partner covers.
/// Read before the write transaction, because the owner may have to be asked.
pub(super) async fn authorized(deps: &Deps, cx: &Cx, name: &str) -> Result<Vec<Vec<String>>> {
    let id = names::id("name", "deals", name)?;
    let deal = store::find(deps.store.read(), cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    if deal.partner.is_empty() {
        return Ok(Vec::new());
    }
    let (_, enrollments) = stoa_directory::require_enrolled(deps, cx, "deal.partner", &deal.partner).await?;
    Ok(enrollments.into_iter().map(|enrollment| enrollment.product_lines).collect())
}

/// Submits; where another registration or direct sales hold the customer, the
/// deal becomes CONFLICTED in the same transaction.
pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitDealRegistrationRequest, authorized: &[Vec<String>]) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let submitted = registration::submitted(&current, cx)?;
    registration::check_authorized(&submitted, authorized)?;
    let held = claim::held(tx, cx, &submitted).await?;
    let mut steps = vec![Step::now(cx, submitted.clone(), Happened::Submitted)];
    if let Some(source) = held {
        steps.push(Step::now(cx, registration::conflicted(&submitted, source, cx)?, Happened::Conflicted));
    }
    claim::index(tx, cx, &submitted, false).await?;
    facts::write(tx, cx, Some(&current), steps).await
}
