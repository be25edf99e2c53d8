//! Looks up the partners that a batch names, before the transaction, and checks
//! its entries one by one.

use std::collections::{HashMap, hash_map::Entry};

use stoa_kernel::{Cx, Error, Result};
use stoa_proto::enable::v1::RecordPortalActivityRequest;
use stoa_service::Deps;

use super::entry::{self, Batch};

/// Maximum number of entries per request; the proto states it, too.
const ENTRIES_MAX: usize = 1000;

/// Checks every entry. Fails only if the whole batch cannot be answered.
pub(super) async fn batch(deps: &Deps, cx: &Cx, request: &RecordPortalActivityRequest) -> Result<Batch> {
    let count = request.entries.len();
    if count == 0 || count > ENTRIES_MAX {
        return Err(Error::invalid("entries", format!("must have 1 to {ENTRIES_MAX} entries, not {count}")));
    }
    let zone = stoa_directory::settings(deps.store.read(), &cx.tenant).await?.time_zone;
    let mut partners = HashMap::new();
    let mut batch = Batch { views: Vec::with_capacity(count), results: Vec::with_capacity(count) };
    for (index, entry) in request.entries.iter().enumerate() {
        let broken = entry::violations(entry);
        if !broken.is_empty() {
            batch.refuse(entry, broken);
            continue;
        }
        let partner = match partners.entry(entry.partner.as_str()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(stoa_directory::acting_partner(deps, cx, "partner", &entry.partner).await),
        };
        match entry::view(cx, index, entry, partner, &zone) {
            Ok(view) => batch.accept(entry, view),
            Err(error) => batch.refuse(entry, entry::refusal(error)?),
        }
    }
    Ok(batch)
}
