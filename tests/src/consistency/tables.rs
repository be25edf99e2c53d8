//! Tables and logs as they are stored.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use stoa_proto::POOL;
use stoa_store::Store;

use super::Key;
use crate::requests::text;

/// A table and its columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    columns: BTreeSet<String>,
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains(column)
    }
}

/// A document with its version.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) version: i64,
    pub(super) document: DynamicMessage,
}

/// One event of an object.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) subject: String,
    pub(super) version: i64,
    /// Position, occurred and recorded: what a fact keeps of it.
    pub(super) place: (Option<i64>, i64, i64),
    /// Names of the fields that the event says it changed.
    pub(super) changed: BTreeSet<String>,
    /// The object after the event, from field 1.
    pub(super) state: DynamicMessage,
}

impl Logged {
    /// Whether the event erased the object.
    pub(super) fn erases(&self) -> bool {
        self.subject.ends_with(".erased")
    }
}

/// All events of a service, by object and version.
#[derive(Debug)]
pub(super) struct Log(BTreeMap<Key, Vec<Logged>>);

impl Log {
    pub(super) fn of(&self, key: &Key) -> &[Logged] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn last(&self, key: &Key) -> Option<&Logged> {
        self.of(key).last()
    }

    /// Returns all objects with their last event.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Key, &Logged)> {
        self.0.iter().filter_map(|(key, events)| Some((key, events.last()?)))
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (&Key, &[Logged])> {
        self.0.iter().map(|(key, events)| (key, events.as_slice()))
    }

    /// Describes missing versions: every version has an event, from the first
    /// on.
    pub(super) fn gaps(&self) -> Vec<String> {
        let gap = |(key, events): (&Key, &Vec<Logged>)| {
            let missing = (1..).zip(events).find(|(expected, event)| *expected != event.version);
            missing.map(|(expected, _)| format!("{} of {} has no event of version {expected}", key.1, key.0))
        };
        self.0.iter().filter_map(gap).collect()
    }
}

pub(super) async fn query(store: &Store, sql: &str) -> Result<Vec<QueryResult>> {
    store.read().query_all_raw(Statement::from_string(store.backend(), sql)).await.with_context(|| sql.to_owned())
}

/// Returns all tables of a store.
pub(super) async fn all(store: &Store) -> Result<Vec<Table>> {
    let columns = match store.backend() {
        DbBackend::Sqlite => {
            "SELECT m.name AS name, p.name AS col FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'"
        }
        _ => {
            "SELECT table_name::text AS name, column_name::text AS col FROM information_schema.columns WHERE table_schema = current_schema()"
        }
    };
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in query(store, columns).await? {
        tables.entry(row.try_get("", "name")?).or_default().insert(row.try_get("", "col")?);
    }
    Ok(tables.into_iter().map(|(name, columns)| Table { name, columns }).collect())
}

/// Returns the documents of a table, with their own names.
pub(super) async fn rows(store: &Store, table: &str, message: &MessageDescriptor) -> Result<Vec<Row>> {
    let found = query(store, &format!("SELECT tenant, version, document FROM {table}")).await?;
    let read = |row: &QueryResult| {
        let bytes: Vec<u8> = row.try_get("", "document")?;
        let document = DynamicMessage::decode(message.clone(), bytes.as_slice()).with_context(|| format!("a document of {table}"))?;
        Ok(Row { tenant: row.try_get("", "tenant")?, name: text(&document, "name"), version: row.try_get("", "version")?, document })
    };
    found.iter().map(read).collect()
}

/// Returns versions and encoded documents of a table by the value of its key
/// column.
pub(super) async fn copies(store: &Store, table: &str, key: &str) -> Result<BTreeMap<Key, (i64, Vec<u8>)>> {
    let found = query(store, &format!("SELECT tenant, {key} AS object, version, document FROM {table}")).await?;
    let read = |row: &QueryResult| {
        let key = (row.try_get("", "tenant")?, row.try_get("", "object")?);
        Ok((key, (row.try_get("", "version")?, row.try_get("", "document")?)))
    };
    found.iter().map(read).collect()
}

/// Returns integer columns of a table by object and version.
pub(super) async fn versions(store: &Store, sql: &str, columns: &[&str]) -> Result<BTreeMap<(Key, i64), Vec<i64>>> {
    let read = |row: &QueryResult| {
        let key = (row.try_get("", "tenant")?, row.try_get("", "object")?);
        let numbers = columns.iter().map(|column| whole(row, column)).collect::<Result<_>>()?;
        Ok(((key, row.try_get("", "version")?), numbers))
    };
    query(store, sql).await?.iter().map(read).collect()
}

fn whole(row: &QueryResult, column: &str) -> Result<i64> {
    Ok(row.try_get::<i64>("", column).or_else(|_| row.try_get::<i32>("", column).map(i64::from))?)
}

/// Reads the log of a store.
pub(super) async fn log(store: &Store) -> Result<Log> {
    let columns = "tenant, aggregate, version, subject, message_type, data, position, occurred, recorded, changed_fields";
    let mut log: BTreeMap<Key, Vec<Logged>> = BTreeMap::new();
    for row in query(store, &format!("SELECT {columns} FROM event_log ORDER BY tenant, aggregate, version")).await? {
        let (kind, data): (String, Vec<u8>) = (row.try_get("", "message_type")?, row.try_get("", "data")?);
        let message = POOL.get_message_by_name(&kind).with_context(|| format!("no message {kind}"))?;
        let event = DynamicMessage::decode(message, data.as_slice()).with_context(|| kind.clone())?;
        let state = event.get_field_by_number(1).and_then(|v| v.as_message().cloned());
        let changed: String = row.try_get("", "changed_fields")?;
        let logged = Logged {
            changed: changed.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect(),
            subject: row.try_get("", "subject")?,
            version: row.try_get("", "version")?,
            place: (row.try_get("", "position")?, row.try_get("", "occurred")?, row.try_get("", "recorded")?),
            state: state.with_context(|| format!("{kind} has no state in field 1"))?,
        };
        log.entry((row.try_get("", "tenant")?, row.try_get("", "aggregate")?)).or_default().push(logged);
    }
    Ok(Log(log))
}

/// Returns the full name of a message's type.
pub(super) fn type_of(state: &DynamicMessage) -> String {
    state.descriptor().full_name().to_owned()
}
