//! Analytics' facts: one per version, from the first version that counts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{Key, Stored, tables};

/// The table of facts.
pub(super) const TABLE: &str = "fact";

/// Compares facts with the logs. Analytics decides which nouns count, and from
/// when. But if a version counts, so do all later versions of the object, and
/// if the first version of one object counts, so does that of every object of
/// its type.
pub(super) async fn differences(stored: &Stored, services: &BTreeMap<&str, Stored>) -> Result<Vec<String>> {
    if !stored.tables.iter().any(|table| table.name == TABLE) {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT tenant, aggregate AS object, version, position, occurred, recorded FROM {TABLE}");
    let mut facts = tables::versions(&stored.store, &sql, &["position", "occurred", "recorded"]).await?;
    let mut found = Vec::new();
    for owner in services.values() {
        let whole = counted_from_the_first(owner, &facts);
        for (key, events) in owner.log.objects() {
            let mut counts = events.first().is_some_and(|first| whole.contains(&tables::type_of(&first.state)));
            for event in events {
                let place = event.place.0.map(|position| vec![position, event.place.1, event.place.2]);
                match facts.remove(&(key.clone(), event.version)) {
                    Some(fact) if Some(&fact) == place.as_ref() => counts = true,
                    Some(fact) => found.push(format!("fact {}@{} of {} has {fact:?}, not {place:?}", key.1, event.version, key.0)),
                    None if counts => found.push(format!("no fact of {}@{} of {}", key.1, event.version, key.0)),
                    None => {}
                }
            }
        }
    }
    found.extend(facts.keys().map(|(key, version)| format!("fact {}@{version} of {} without an event", key.1, key.0)));
    Ok(found.into_iter().map(|text| format!("{}: {text}", stored.service)).collect())
}

/// Returns the types of objects whose first version counts.
fn counted_from_the_first(owner: &Stored, facts: &BTreeMap<(Key, i64), Vec<i64>>) -> BTreeSet<String> {
    let first = owner.log.objects().filter_map(|(key, events)| Some((key, events.first()?)));
    let counted = first.filter(|(key, event)| facts.contains_key(&((*key).clone(), event.version)));
    counted.map(|(_, event)| tables::type_of(&event.state)).collect()
}
