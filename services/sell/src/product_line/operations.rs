//! Commands on product lines.

use stoa_events::record_created;
use stoa_kernel::{Cx, Result, names};
use stoa_proto::sell::v1::{CreateProductLineRequest, ProductLine, ProductLineCreated};
use stoa_store::Tx;

use super::store::ProductLines;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateProductLineRequest) -> Result<ProductLine> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("product_line_id", &request.product_line_id)?;
    let product_line = ProductLine { name: names::name("productLines", &id), ..request.product_line.clone().unwrap_or_default() };
    record_created::<ProductLines, ProductLineCreated>(tx, cx, product_line).await
}
