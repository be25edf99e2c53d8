//! Compares what a suite has stored with its logs: every document must be the
//! state of its last event, every event must name the fields that it changed,
//! and every copy must be what its owner has.
//!
//! Nothing here knows a noun: tables are those that the stores have, messages
//! are found by the tables' names, and copies are listed in [`copies`].

mod ancestors;
mod changes;
mod copies;
mod facts;
mod tables;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};
use stoa::suite::{PILLARS, Suite};
use stoa_kernel::etag;
use stoa_proto::POOL;
use stoa_store::Store;
use tables::{Log, Logged, Row, Table};

use crate::{requests::text, route};

/// Tables with versions that are neither documents nor copies, and why.
const NO_DOCUMENTS: &[(&str, &str)] = &[
    ("event_log", "what documents are compared with"),
    ("event_parked", "events; `settle` fails while there are any"),
    ("fold_head", "a counter"),
    ("seaql_migrations", "belongs to the migrations"),
];

/// What one service has stored.
pub(crate) struct Stored {
    service: &'static str,
    store: Store,
    log: Log,
    tables: Vec<Table>,
}

/// Identifies an object: tenant and resource name.
type Key = (String, String);

/// Describes every difference; empty if there is none. All events must have
/// been delivered.
///
/// # Errors
/// If a store cannot be read, or what a table holds is not known.
pub async fn differences(suite: &Suite) -> Result<Vec<String>> {
    let mut services = BTreeMap::new();
    for service in PILLARS {
        if let Some(store) = suite.store(service) {
            let (log, tables) = (tables::log(store).await?, tables::all(store).await?);
            services.insert(service, Stored { service, store: store.clone(), log, tables });
        }
    }
    let mut found = Vec::new();
    for stored in services.values() {
        found.extend(stored.log.gaps().into_iter().map(|gap| format!("{}: {gap}", stored.service)));
        found.extend(changes::differences(stored));
        found.extend(documents(stored).await?);
        found.extend(copies::differences(stored, &services).await?);
        found.extend(ancestors::differences(stored, &services).await?);
        found.extend(facts::differences(stored, &services).await?);
    }
    Ok(found)
}

/// Returns the message that a service keeps in a table: `deal` holds
/// `stoa.sell.v1.Deal`.
fn noun(service: &str, table: &str) -> Option<MessageDescriptor> {
    let package = format!("stoa.{service}.v1");
    POOL.all_messages().find(|m| m.package_name() == package && m.parent_message().is_none() && route::snake(m.name()) == table)
}

/// Compares the service's own objects with the last event of each.
async fn documents(stored: &Stored) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    for table in stored.tables.iter().filter(|t| t.has("version")) {
        let is_other =
            copies::is_copy(&table.name) || facts::TABLE == table.name || NO_DOCUMENTS.iter().any(|(name, _)| *name == table.name);
        if is_other {
            continue;
        }
        let noun = noun(stored.service, &table.name);
        let noun = noun.with_context(|| format!("{}: say in `consistency` what the table {} holds", stored.service, table.name))?;
        ensure!(table.has("document"), "{}: the table {} has no document", stored.service, table.name);
        for row in tables::rows(&stored.store, &table.name, &noun).await? {
            rows.insert((row.tenant.clone(), row.name.clone()), row);
        }
    }
    for (key, row) in &rows {
        let wrong = match stored.log.last(key) {
            None => Some("has no event".to_owned()),
            Some(last) => unlike(row, last),
        };
        found.extend(wrong.map(|wrong| format!("{}: {} of {} {wrong}", stored.service, key.1, key.0)));
    }
    for (key, last) in stored.log.all() {
        if !rows.contains_key(key) && !last.erases() {
            found.push(format!("{}: {} of {} is gone without an event; its last event is {}", stored.service, key.1, key.0, last.subject));
        }
    }
    Ok(found)
}

/// Describes how a row differs from its last event.
fn unlike(row: &Row, last: &Logged) -> Option<String> {
    if row.version != last.version {
        return Some(format!("is stored as version {}, but its last event {} is version {}", row.version, last.subject, last.version));
    }
    let etag = text(&row.document, "etag");
    if row.document.descriptor().get_field_by_name("etag").is_some() && etag::version(&etag) != row.version {
        return Some(format!("is stored as version {} with the etag {etag}", row.version));
    }
    let fields = differing(&last.state, &row.document);
    (!fields.is_empty()).then(|| format!("differs from its last event {} in {}", last.subject, fields.join(", ")))
}

/// Returns the fields of a state that differ in a document. An event carries
/// the document itself, or a projection that has fields of the same names.
fn differing(state: &DynamicMessage, document: &DynamicMessage) -> Vec<String> {
    let same =
        |name: &str| state.get_field_by_name(name).map(|v| v.into_owned()) == document.get_field_by_name(name).map(|v| v.into_owned());
    state.descriptor().fields().map(|field| field.name().to_owned()).filter(|name| !same(name)).collect()
}
