//! Commands on registrations of connectors.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, QueryFilter};
use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Error, Result, etag, mask, names};
use stoa_proto::sell::v1::{CreateCrmConnectorRequest, CrmConnector, CrmConnectorCreated, CrmConnectorUpdated, UpdateCrmConnectorRequest};
use stoa_store::{Tx, documents};

use super::{check, store::CrmConnectors};
use crate::product_line::store::{Column, ProductLines};

/// Checks that the product lines in a registration's map exist.
async fn check_product_lines(tx: &Tx, cx: &Cx, connector: &CrmConnector) -> Result<()> {
    let field = "crm_connector.product_map.product_line";
    let named: BTreeSet<&str> = connector.product_map.iter().map(|rule| rule.product_line.as_str()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let ids = named.iter().filter_map(|name| documents::id::<ProductLines>(field, name).ok());
    let known = documents::all(tx.conn(), documents::select::<ProductLines>(cx).filter(Column::Id.is_in(ids))).await?;
    for name in named {
        documents::id::<ProductLines>(field, name)?;
        if !known.iter().any(|product_line| product_line.name == name) {
            return Err(Error::reference_not_found(field, name));
        }
    }
    Ok(())
}

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateCrmConnectorRequest) -> Result<CrmConnector> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("crm_connector_id", &request.crm_connector_id)?;
    let connector = CrmConnector { name: names::name("crmConnectors", &id), ..request.crm_connector.clone().unwrap_or_default() };
    check(&connector)?;
    check_product_lines(tx, cx, &connector).await?;
    record_created::<CrmConnectors, CrmConnectorCreated>(tx, cx, connector).await
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateCrmConnectorRequest) -> Result<CrmConnector> {
    cx.require_tenant_reach()?;
    let input = request.crm_connector.clone().unwrap_or_default();
    let current = documents::load::<CrmConnectors>(tx, cx, "crm_connector.name", &input.name).await?;
    etag::require(&current, &input.etag)?;
    let mut next = current.clone();
    let paths = mask::apply(request.update_mask.as_ref(), &input, &mut next)?;
    check(&next)?;
    if paths.iter().any(|path| path == "product_map") {
        check_product_lines(tx, cx, &next).await?;
    }
    record_changed::<CrmConnectors, CrmConnectorUpdated>(tx, cx, &current, next).await
}
