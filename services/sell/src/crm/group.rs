//! The links and deals that the rows of one transaction are about. They are
//! read at once and updated row by row, so that later rows of the same object
//! see what earlier ones did.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use stoa_kernel::{Cx, Error, Result, Timestamp, names};
use stoa_proto::sell::v1::{CrmConnector, CrmRow, Deal};
use stoa_store::{Documents, Tx, documents};

use super::{mapping, registrations::Registrations};
use crate::{
    deal::store::{Column, Deals},
    link::{
        remote_time,
        table::{Link, Links},
    },
};

pub(super) struct Group {
    pub(super) links: Links,
    /// By id.
    deals: BTreeMap<String, Deal>,
    pub(super) registrations: Registrations,
}

impl Group {
    /// Reads the links of a connector's rows and the deals that the rows may
    /// change, and locks them until the transaction ends.
    pub(super) async fn read(tx: &Tx, cx: &Cx, connector: &CrmConnector, rows: &[CrmRow]) -> Result<Self> {
        let links = Links::of_rows(tx, cx, names::last(&connector.name), rows).await?;
        let to_change = |row| links.get(row).filter(|link| !link.deleted && !is_unchanged(link, row) && !is_superseded(link, row));
        let found = deals(tx, cx, rows.iter().filter_map(to_change).map(|link| link.local_id.as_str()).collect()).await?;
        let described = rows.iter().filter_map(|row| described(connector, row, cx.now));
        let all: Vec<Deal> = found.iter().cloned().chain(described).collect();
        let registrations = Registrations::read(tx, cx, &all).await?;
        let deals = found.into_iter().map(|deal| (names::last(&deal.name).to_owned(), deal)).collect();
        tx.hold_rows();
        Ok(Self { links, deals, registrations })
    }

    /// Returns the deal of a link.
    pub(super) fn deal(&self, id: &str) -> Result<Deal> {
        self.deals.get(id).cloned().ok_or_else(|| Error::internal(format!("deals/{id} is linked but missing")))
    }

    /// Keeps a deal as a row left it.
    pub(super) fn put(&mut self, deal: Deal) {
        self.registrations.update(&deal);
        self.deals.insert(names::last(&deal.name).to_owned(), deal);
    }
}

/// Returns the customer and product line that a row gives to its deal.
fn described(connector: &CrmConnector, row: &CrmRow, now: Timestamp) -> Option<Deal> {
    let mapped = mapping::map(connector, row.deal.as_ref().filter(|_| !row.deleted)?, now).ok()?;
    Some(Deal { customer: mapped.customer, product_line: mapped.product_line, ..Deal::default() })
}

async fn deals(tx: &Tx, cx: &Cx, ids: Vec<&str>) -> Result<Vec<Deal>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let theirs = documents::select::<Deals>(cx).filter(Deals::scope(cx)).filter(Column::Id.is_in(ids));
    documents::all(tx.conn(), theirs.order_by_asc(Column::Id).lock_exclusive()).await
}

/// Whether this version of the object was applied before.
pub(super) fn is_unchanged(link: &Link, row: &CrmRow) -> bool {
    link.remote_version == row.remote_version && link.deleted == row.deleted
}

/// Whether the row is older than the version that was applied. A deleted object
/// comes back only by a row that is known to be newer.
pub(super) fn is_superseded(link: &Link, row: &CrmRow) -> bool {
    match (remote_time(row), link.remote_time) {
        (Some(row), Some(link)) => row < link,
        _ => link.deleted && !row.deleted,
    }
}
