//! Who had registered the business of a group's rows, and when: read at once and
//! updated row by row, so that the overlaps of a row need no query of their own.

use std::collections::{BTreeMap, BTreeSet};

use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::sell::v1::Deal;
use stoa_store::Tx;

use crate::{
    claim::{index, keys_of},
    deal::{
        screening,
        store::{self, Registration},
    },
};

/// Entries of the index that a group reads. If its customers have more, each row
/// is screened by a query.
const ENTRIES_MAX: u64 = 10_000;

/// The registrations under the customers of a group.
#[derive(Default)]
pub(super) struct Registrations {
    /// Ids of deals by customer key and product line.
    deals: BTreeMap<(String, String), BTreeSet<String>>,
    /// By id of the deal.
    registrations: BTreeMap<String, Registration>,
    is_partial: bool,
}

impl Registrations {
    /// Reads the registrations that deals may overlap with.
    pub(super) async fn read(tx: &Tx, cx: &Cx, deals: &[Deal]) -> Result<Self> {
        let keys: BTreeSet<String> = deals.iter().flat_map(keys_of).collect();
        let lines: BTreeSet<&str> = deals.iter().map(|deal| names::last(&deal.product_line)).collect();
        if keys.is_empty() {
            return Ok(Self::default());
        }
        let entries = index::entries(tx.conn(), cx, &keys, &lines, ENTRIES_MAX).await?;
        if entries.len() as u64 == ENTRIES_MAX {
            return Ok(Self { is_partial: true, ..Self::default() });
        }
        if entries.is_empty() {
            return Ok(Self::default());
        }
        let mut found = Self::default();
        let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.deal.as_str()).collect();
        found.registrations = store::registrations(tx.conn(), cx, ids).await?;
        for entry in entries {
            found.deals.entry((entry.customer_key, entry.product_line)).or_default().insert(entry.deal);
        }
        Ok(found)
    }

    /// Follows the index, to which a deal was added by its identifiers.
    pub(super) fn index(&mut self, deal: &Deal) {
        let id = names::last(&deal.name);
        self.deals.values_mut().for_each(|ids| _ = ids.remove(id));
        for key in keys_of(deal) {
            self.deals.entry((key, names::last(&deal.product_line).to_owned())).or_default().insert(id.to_owned());
        }
        self.registrations.insert(id.to_owned(), Registration::of(deal));
    }

    /// Follows a deal, if it is in the index.
    pub(super) fn update(&mut self, deal: &Deal) {
        if let Some(known) = self.registrations.get_mut(names::last(&deal.name)) {
            *known = Registration::of(deal);
        }
    }

    /// Whether another partner's registration of the same business was open at
    /// the same time as a deal's.
    pub(super) async fn overlap(&self, tx: &Tx, cx: &Cx, deal: &Deal) -> Result<bool> {
        if self.is_partial {
            tx.write_held().await?;
            return screening::overlaps(tx.conn(), cx, deal).await;
        }
        let Some(from) = Timestamp::stored(deal.submit_time.as_ref()) else { return Ok(false) };
        let own = Registration::of(deal);
        let line = names::last(&deal.product_line);
        let ids = keys_of(deal).into_iter().filter_map(|key| self.deals.get(&(key, line.to_owned())));
        let mut others = ids.flatten().filter_map(|id| self.registrations.get(id));
        Ok(others.any(|other| other.overlaps(&own.partner, from, own.end)))
    }
}
