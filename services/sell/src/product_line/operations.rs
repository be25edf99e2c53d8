use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, ids, names};
use stoa_proto::sell::v1::{CreateProductLineRequest, ProductLine, ProductLineCreated};
use stoa_store::Tx;

use super::store;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateProductLineRequest) -> Result<ProductLine> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("product_line_id", &request.product_line_id)?;
    let product_line = super::new(&id, &request.product_line.clone().unwrap_or_default(), cx);
    store::insert(tx, cx, &product_line).await?;
    let event = ProductLineCreated { product_line: Some(product_line.clone()) };
    stoa_events::append(tx, cx, Fact::new(&product_line.name, 1), &event).await?;
    Ok(product_line)
}

/// Refuses a name that no product line of the tenant has.
pub(crate) async fn require(tx: &Tx, cx: &Cx, field: &str, name: &str) -> Result<()> {
    let id = names::id(field, "productLines", name)?;
    match store::find(tx.conn(), cx, id).await? {
        Some(_) => Ok(()),
        None => Err(Error::reference_not_found(field, name)),
    }
}
