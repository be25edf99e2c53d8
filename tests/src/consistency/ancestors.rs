//! The ancestors of partners: a row per partner and ancestor, including the
//! partner itself, beside the partners or their copies.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use prost_reflect::DynamicMessage;

use super::{Stored, tables};

/// The table of ancestors.
const TABLE: &str = "partner_ancestor";

/// Tenant, ancestor, partner, and whether the ancestor sees the partner.
type Ancestor = (String, String, String, bool);

/// Compares the rows of a store with the last state of each partner.
pub(super) async fn differences(stored: &Stored, services: &BTreeMap<&str, Stored>) -> Result<Vec<String>> {
    let Some(owner) = services.get("onboard").filter(|_| stored.tables.iter().any(|table| table.name == TABLE)) else {
        return Ok(Vec::new());
    };
    let sql = format!("SELECT tenant, ancestor, partner, sees FROM {TABLE}");
    let read = |row: &sea_orm::QueryResult| {
        Ok((row.try_get("", "tenant")?, row.try_get("", "ancestor")?, row.try_get("", "partner")?, row.try_get("", "sees")?))
    };
    let kept: BTreeSet<Ancestor> = tables::query(&stored.store, &sql).await?.iter().map(read).collect::<Result<_>>()?;
    let mut expected = BTreeSet::new();
    for ((tenant, name), last) in owner.log.all() {
        if let Some(partner) = name.strip_prefix("partners/") {
            let viewers = ids(&last.state, "visible_to");
            let rows = ids(&last.state, "ancestors").into_iter();
            expected.extend(rows.map(|ancestor| (tenant.clone(), ancestor.clone(), partner.to_owned(), viewers.contains(&ancestor))));
            expected.insert((tenant.clone(), partner.to_owned(), partner.to_owned(), true));
        }
    }
    let lacks = expected.difference(&kept).map(|row| format!("{}: {TABLE} lacks {row:?}", stored.service));
    let extra = kept.difference(&expected).map(|row| format!("{}: {TABLE} has {row:?}", stored.service));
    Ok(lacks.chain(extra).collect())
}

fn ids(partner: &DynamicMessage, field: &str) -> BTreeSet<String> {
    let ids = partner.get_field_by_name(field);
    let ids = ids.as_deref().and_then(|v| v.as_list()).unwrap_or_default();
    ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}
