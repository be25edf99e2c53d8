//! Fills stores: rows are copied by SQL, under other keys.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use stoa_kernel::Error;
use stoa_store::{DbResult, Store};

use crate::network::{OTHER_TENANT, TENANT};

/// Columns with many values in a network: most copies get a value of their own.
/// All other columns keep theirs, as 10,000 requests of one budget do.
const MOSTLY_DISTINCT: [&str; 14] = [
    "partner",
    "ancestor",
    "parent",
    "lineage",
    "visible_to",
    "person",
    "owner",
    "prospect",
    "deal",
    "customer_key",
    "customer_domain",
    "mdf_request",
    "marketing_campaign",
    "source",
];
/// Number of objects on a page.
pub const PAGE: u64 = 50;
/// One in this many copies belongs to the same partner, customer and so on.
const SAME_EVERY: u64 = 100;

/// Columns in which a copy gets another value, if not in the last text of a
/// unique index: the others must stay the same, so that lists by them have many
/// objects.
const KEYS: [(&str, &str); 2] = [("tier", "rank"), ("enrollment", "partner")];

/// Tables that are not filled: pending work, a tenant's row to lock, and tables
/// that no method reads.
const LEFT_OUT: [&str; 5] = ["event_parked", "visibility_refresh", "hierarchy", "fold_head", "crm_conflict"];

/// A row's number in the order of inserts, assigned by the database.
const NUMBERED: &str = "seq";

/// How far to fill stores.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// Approximate number of rows per table and tenant.
    pub rows: u64,
    /// Whether most copies belong to other partners, customers and so on.
    pub spread: bool,
}

impl Growth {
    /// Returns how often a table's rows are copied. A few rows are copied often
    /// enough that a list of what depends on one of them has a page.
    fn copies(self, count: u64) -> u64 {
        (self.rows / count).max(if count < PAGE { PAGE } else { 1 })
    }
}

#[derive(Debug, Default)]
struct Table {
    /// Name of each column, and whether it is text.
    columns: Vec<(String, bool)>,
    /// Columns of each unique index.
    keys: BTreeMap<String, Vec<String>>,
}

/// Fills the stores' tables that have a tenant. Copies of events come before all
/// other events, so that nothing reads them as new.
///
/// # Errors
/// If no store has a row of a table to copy, or if the database fails.
pub async fn grow(stores: &[&Store], growth: Growth) -> Result<()> {
    let (mut filled, mut empty) = (BTreeSet::new(), BTreeSet::new());
    for store in stores {
        grow_one(store, growth, &mut filled, &mut empty).await?;
    }
    let empty: Vec<_> = empty.difference(&filled).collect();
    ensure!(empty.is_empty(), "nothing to copy in {empty:?}: let the scenario fill them, or leave them out");
    Ok(())
}

async fn grow_one(store: &Store, growth: Growth, filled: &mut BTreeSet<String>, empty: &mut BTreeSet<String>) -> Result<()> {
    for (name, table) in tables(store).await? {
        let has_tenant = table.columns.iter().any(|(column, _)| column == "tenant");
        if !has_tenant || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let count = Statement::from_string(store.backend(), format!("SELECT COUNT(*) FROM {name} WHERE tenant = '{TENANT}'"));
        let count = store.read().query_one_raw(count).await?.context("a count")?.try_get_by_index::<i64>(0)?;
        if count == 0 {
            empty.insert(name);
            continue;
        }
        let copies = growth.copies(u64::try_from(count)?);
        execute(store, insert(store.backend(), &name, &table, copies, growth.spread)).await?;
        filled.insert(name);
    }
    // The planner decides by its statistics of the rows.
    if store.backend() == DbBackend::Postgres { execute(store, "ANALYZE".to_owned()).await } else { Ok(()) }
}

/// Parks a copy of each event in the log for a subscription that does not
/// exist.
///
/// # Errors
/// If the database fails.
pub async fn park(store: &Store) -> Result<()> {
    let nothing = if store.backend() == DbBackend::Postgres { "''" } else { "x''" };
    let columns = "tenant, subscription, event_id, aggregate, version, attempts, error, park_time, event";
    let values = format!("tenant, 'nobody', event_id, aggregate, version, 1, 'left here', seq, {nothing}");
    execute(store, format!("INSERT INTO event_parked ({columns}) SELECT {values} FROM event_log")).await
}

async fn execute(store: &Store, sql: String) -> Result<()> {
    let done = store.write(sql.clone(), |tx, sql| {
        Box::pin(async move {
            tx.conn().execute_unprepared(sql).await.db()?;
            Ok::<_, Error>(())
        })
    });
    done.await.with_context(|| sql)
}

/// Returns the columns in which a copy must differ.
fn changed(name: &str, table: &Table) -> BTreeSet<String> {
    let mut changed: BTreeSet<String> = KEYS.iter().filter(|(table, _)| *table == name).map(|(_, column)| (*column).to_owned()).collect();
    for key in table.keys.values().filter(|key| !key.iter().any(|column| column == NUMBERED)) {
        let is_text = |column: &&String| table.columns.iter().any(|(name, text)| name == *column && *text);
        let own = || key.iter().filter(|column| *column != "tenant");
        if !own().any(|column| changed.contains(column)) {
            changed.extend(own().rfind(is_text).or_else(|| own().next_back()).cloned());
        }
    }
    changed
}

/// Returns a statement that inserts the copies for both tenants, numbered by
/// `n`.
fn insert(backend: DbBackend, name: &str, table: &Table, copies: u64, spread: bool) -> String {
    let changed = changed(name, table);
    let columns: Vec<&(String, bool)> = table.columns.iter().filter(|(column, _)| column != NUMBERED).collect();
    let value = |(column, is_text): &(String, bool)| match column.as_str() {
        "tenant" => format!("CASE WHEN n <= {copies} THEN '{TENANT}' ELSE '{OTHER_TENANT}' END"),
        "position" if changed.contains(column) => "position - n * 1000000".to_owned(),
        key if changed.contains(key) && *is_text => format!("CASE WHEN {key} = '' THEN '' ELSE {key} || '-c' || n END"),
        key if changed.contains(key) => format!("{key} + n * 1000"),
        // A path of ids, such as /a/b/.
        path @ ("lineage" | "visible_to") if spread => {
            format!("CASE WHEN n % {SAME_EVERY} = 0 THEN {path} ELSE replace({path}, '/', '-c' || n || '/') END")
        }
        distinct if spread && *is_text && MOSTLY_DISTINCT.contains(&distinct) => {
            format!("CASE WHEN n % {SAME_EVERY} = 0 OR {distinct} = '' THEN {distinct} ELSE {distinct} || '-c' || n END")
        }
        other => format!("\"{other}\""),
    };
    let names: Vec<String> = columns.iter().map(|(column, _)| format!("\"{column}\"")).collect();
    let values: Vec<String> = columns.into_iter().map(value).collect();
    let numbers = match (backend, 2 * copies) {
        (DbBackend::Postgres, last) => format!("generate_series(1, {last}) AS numbers(n)"),
        (_, last) => format!("(WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {last}) SELECT n FROM up)"),
    };
    format!("INSERT INTO {name} ({}) SELECT {} FROM {name}, {numbers} WHERE tenant = '{TENANT}'", names.join(", "), values.join(", "))
}

async fn tables(store: &Store) -> Result<BTreeMap<String, Table>> {
    let (columns, keys) = if store.backend() == DbBackend::Postgres {
        (
            "SELECT table_name::text, column_name::text, data_type = 'text' FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
            "SELECT t.relname::text, i.relname::text, a.attname::text FROM pg_index x \
             JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
             CROSS JOIN unnest(x.indkey) WITH ORDINALITY k(attnum, n) \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum \
             WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace ORDER BY 1, 2, k.n",
        )
    } else {
        (
            "SELECT t.name, c.name, lower(c.type) = 'text' FROM sqlite_master t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' ORDER BY t.name, c.cid",
            "SELECT t.name, i.name, c.name FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_info(i.name) c \
             WHERE t.type = 'table' AND i.\"unique\" = 1 ORDER BY t.name, i.name, c.seqno",
        )
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in store.read().query_all_raw(Statement::from_string(store.backend(), columns)).await? {
        let table = tables.entry(row.try_get_by_index(0)?).or_default();
        table.columns.push((row.try_get_by_index(1)?, row.try_get_by_index(2)?));
    }
    for row in store.read().query_all_raw(Statement::from_string(store.backend(), keys)).await? {
        let table = tables.entry(row.try_get_by_index(0)?).or_default();
        table.keys.entry(row.try_get_by_index(1)?).or_default().push(row.try_get_by_index(2)?);
    }
    Ok(tables)
}
