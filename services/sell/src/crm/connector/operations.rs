use std::collections::BTreeSet;

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::sell::v1::{CreateCrmConnectorRequest, CrmConnector, CrmConnectorCreated, CrmConnectorUpdated, UpdateCrmConnectorRequest};
use stoa_store::Tx;

use super::{changed, new, store};
use crate::product_line;

async fn check_product_lines(tx: &Tx, cx: &Cx, connector: &CrmConnector) -> Result<()> {
    let lines: BTreeSet<&str> = connector.product_map.iter().map(|rule| rule.product_line.as_str()).collect();
    for line in lines {
        product_line::require(tx, cx, "crm_connector.product_map.product_line", line).await?;
    }
    Ok(())
}

pub(in crate::crm) async fn create(tx: &Tx, cx: &Cx, request: &CreateCrmConnectorRequest) -> Result<CrmConnector> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("crm_connector_id", &request.crm_connector_id)?;
    let connector = new(&id, &request.crm_connector.clone().unwrap_or_default(), cx)?;
    check_product_lines(tx, cx, &connector).await?;
    store::insert(tx, cx, &connector).await?;
    let event = CrmConnectorCreated { crm_connector: Some(connector.clone()) };
    stoa_events::append(tx, cx, Fact::new(&connector.name, 1), &event).await?;
    Ok(connector)
}

pub(in crate::crm) async fn update(tx: &Tx, cx: &Cx, request: &UpdateCrmConnectorRequest) -> Result<CrmConnector> {
    cx.require_tenant_reach()?;
    let input = request.crm_connector.clone().unwrap_or_default();
    let id = names::id("crm_connector.name", "crmConnectors", &input.name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&input.name))?;
    let (connector, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if paths.is_empty() {
        return Ok(connector);
    }
    check_product_lines(tx, cx, &connector).await?;
    store::save(tx, cx, &connector).await?;
    let event = CrmConnectorUpdated { crm_connector: Some(connector.clone()) };
    let fact = Fact::new(&connector.name, etag::version(&connector.etag)).changed(paths);
    stoa_events::append(tx, cx, fact, &event).await?;
    Ok(connector)
}
