//! What all actions of a simulation share.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use stoa_kernel::Timestamp;

use super::network::{Organization, PRODUCT_LINES};
use crate::client::Client;

/// A client of the suite, the network that acts in it, and the deals that it dropped.
pub(super) struct World {
    pub(super) client: Client,
    pub(super) network: Vec<Organization>,
    /// Deals whose registration was rejected, was withdrawn or lost a conflict. Nothing
    /// more happens to them.
    dropped: Mutex<BTreeSet<String>>,
}

impl World {
    pub(super) const fn new(client: Client, network: Vec<Organization>) -> Self {
        Self { client, network, dropped: Mutex::new(BTreeSet::new()) }
    }

    pub(super) fn drop_deal(&self, deal: &str) {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).insert(deal.to_owned());
    }

    pub(super) fn is_dropped(&self, deal: &str) -> bool {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).contains(deal)
    }
}

pub(super) fn partner(o: &Organization) -> String {
    format!("partners/{}", o.id)
}

pub(super) fn line_name(line: usize) -> String {
    format!("productLines/{}", PRODUCT_LINES[line].0)
}

pub(super) fn date(time: Timestamp) -> String {
    time.to_string()[..10].to_owned()
}
