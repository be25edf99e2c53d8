//! What a suite has stored, held against what its logs say: every document is
//! the state of its last event, every copy is what its owner has.
//!
//! Nothing here knows a noun: tables are those that the stores have, messages
//! are found by the tables' names, and what is a copy stands in [`copies`].

mod ancestors;
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
    ("seaql_migrations", "the schema's own"),
];

/// What one service has stored.
pub(crate) struct Stored {
    service: &'static str,
    store: Store,
    log: Log,
    tables: Vec<Table>,
}

/// Names an object: tenant and resource name.
type Key = (String, String);

/// What does not fit together, in words; empty if everything does. All events
/// must be delivered.
///
/// # Errors
/// If a store cannot be read, or nothing says what a table holds.
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
        found.extend(documents(stored).await?);
        found.extend(copies::differences(stored, &services).await?);
        found.extend(ancestors::differences(stored, &services).await?);
        found.extend(facts::differences(stored, &services).await?);
    }
    Ok(found)
}

/// The message that a service keeps in a table: `deal` holds `stoa.sell.v1.Deal`.
fn noun(service: &str, table: &str) -> Option<MessageDescriptor> {
    let package = format!("stoa.{service}.v1");
    POOL.all_messages().find(|m| m.package_name() == package && m.parent_message().is_none() && route::snake(m.name()) == table)
}

/// The service's own objects against the last event of each.
async fn documents(stored: &Stored) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    for table in stored.tables.iter().filter(|t| t.has("version")) {
        let unlike = copies::knows(&table.name) || facts::TABLE == table.name || NO_DOCUMENTS.iter().any(|(name, _)| *name == table.name);
        if unlike {
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
            found.push(format!("{}: {} of {} is gone without an event; its last one is {}", stored.service, key.1, key.0, last.subject));
        }
    }
    Ok(found)
}

/// How a row is unlike its last event.
fn unlike(row: &Row, last: &Logged) -> Option<String> {
    if row.version != last.version {
        return Some(format!("is stored as version {}, its last event {} is version {}", row.version, last.subject, last.version));
    }
    let sent = text(&row.document, "etag");
    if row.document.descriptor().get_field_by_name("etag").is_some() && etag::version(&sent) != row.version {
        return Some(format!("is stored as version {} with the etag {sent}", row.version));
    }
    let fields = differing(&last.state, &row.document);
    (!fields.is_empty()).then(|| format!("differs from its last event {} in {}", last.subject, fields.join(", ")))
}

/// Fields of a state that a document has otherwise. An event carries the
/// document itself, or a projection that has fields of the same names.
fn differing(state: &DynamicMessage, document: &DynamicMessage) -> Vec<String> {
    let same =
        |name: &str| state.get_field_by_name(name).map(|v| v.into_owned()) == document.get_field_by_name(name).map(|v| v.into_owned());
    state.descriptor().fields().map(|field| field.name().to_owned()).filter(|name| !same(name)).collect()
}
