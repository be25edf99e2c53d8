//! The fields that events say they changed: exactly those that differ from the
//! version before.

use std::collections::BTreeSet;

use prost_reflect::ReflectMessage;

use super::{Stored, differing, tables::Logged};

/// Fields that every version changes, or none does. Events never name them.
const BOOKKEEPING: [&str; 4] = ["name", "etag", "create_time", "update_time"];

/// Describes events that name other fields than those that differ.
pub(super) fn differences(stored: &Stored) -> Vec<String> {
    let mut found = Vec::new();
    for ((tenant, name), events) in stored.log.objects() {
        let first = events.first().filter(|event| event.version == 1 && !event.changed.is_empty());
        found.extend(first.map(|event| format!("{name}@1 of {tenant} is new, but names {:?}", event.changed)));
        for pair in events.windows(2) {
            let [before, after] = pair else { continue };
            let wrong = misnamed(before, after).filter(|_| !after.erases());
            found.extend(wrong.map(|wrong| format!("{name}@{} of {tenant} {wrong}", after.version)));
        }
    }
    found.into_iter().map(|text| format!("{}: {text}", stored.service)).collect()
}

/// Compares the fields that an event names with those that differ. A projection
/// lacks fields of the object, whose changes its events name, too.
fn misnamed(before: &Logged, after: &Logged) -> Option<String> {
    let is_projection = after.state.descriptor().get_field_by_name("etag").is_none();
    let carries = |field: &String| after.state.descriptor().get_field_by_name(field).is_some();
    let named: BTreeSet<String> = after.changed.iter().filter(|field| !is_projection || carries(field)).cloned().collect();
    let differ: BTreeSet<String> =
        differing(&after.state, &before.state).into_iter().filter(|field| !BOOKKEEPING.contains(&field.as_str())).collect();
    (named != differ).then(|| format!("names {named:?}, but {differ:?} differ"))
}
