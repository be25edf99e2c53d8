//! The partners that a batch names, found before the transaction; with them its
//! entries are checked one by one.

use std::collections::{HashMap, hash_map::Entry};

use stoa_kernel::{Cx, Error, Result};
use stoa_proto::enable::v1::RecordPortalActivityRequest;
use stoa_service::Deps;

use super::entry::{self, Batch};

/// Entries of one request; the proto names it, too.
const ENTRIES_MAX: usize = 1000;

/// Checks every entry. Fails only if the whole batch cannot be answered.
pub(super) async fn batch(deps: &Deps, cx: &Cx, request: &RecordPortalActivityRequest) -> Result<Batch> {
    let count = request.entries.len();
    if count == 0 || count > ENTRIES_MAX {
        return Err(Error::invalid("entries", format!("must have 1 to {ENTRIES_MAX} entries, has {count}")));
    }
    let zone = stoa_directory::settings(deps.store.read(), &cx.tenant).await?.time_zone;
    let mut partners = HashMap::new();
    let mut batch = Batch { views: Vec::with_capacity(count), results: Vec::with_capacity(count) };
    for (index, sent) in request.entries.iter().enumerate() {
        let broken = entry::violations(sent);
        if !broken.is_empty() {
            batch.refuse(sent, broken);
            continue;
        }
        let partner = match partners.entry(sent.partner.as_str()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(stoa_directory::acting_partner(deps, cx, "partner", &sent.partner).await),
        };
        match entry::view(cx, index, sent, partner, &zone) {
            Ok(view) => batch.take(sent, view),
            Err(error) => batch.refuse(sent, entry::refusal(error)?),
        }
    }
    Ok(batch)
}
