//! Connections of both backends.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use stoa_kernel::{Error, Result};

use crate::{DbResult, StoreConfig, Synchronous};

/// How long a caller waits for a connection: short, because a longer wait only
/// moves the queue to where nobody sees it.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);

fn options(url: &str, connections_max: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

async fn connect(options: ConnectOptions, config: &StoreConfig) -> Result<DatabaseConnection> {
    let mut conn = Database::connect(options).await.db()?;
    if let Some(observer) = config.observer.clone() {
        conn.set_metric_callback(move |info| observer(info.statement));
    }
    Ok(conn)
}

fn sqlite(path: &Path, config: &StoreConfig, connections_max: u32, writes: bool) -> ConnectOptions {
    let synchronous = match config.synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
    };
    let path = path.to_owned();
    let mut options = options("sqlite:stoa", connections_max);
    options.idle_timeout(None).max_lifetime(None).map_sqlx_sqlite_opts(move |given: SqliteConnectOptions| {
        given
            .filename(&path)
            .create_if_missing(writes)
            .busy_timeout(BUSY)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .foreign_keys(true)
            .statement_cache_capacity(256)
            .pragma("cache_size", "-8192")
            .pragma("mmap_size", "268435456")
            .pragma("journal_size_limit", "67108864")
            .pragma("temp_store", "MEMORY")
            // As in PostgreSQL, and an index serves prefixes.
            .pragma("case_sensitive_like", "ON")
            .pragma("query_only", if writes { "OFF" } else { "ON" })
    });
    options
}

/// The only connection that writes to a SQLite file. Creates the file if there
/// is none, for its owner alone. SQLite creates the files beside it likewise.
pub(crate) async fn sqlite_writer(path: &Path, config: &StoreConfig) -> Result<DatabaseConnection> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(|e| Error::unavailable(format!("{} cannot be opened: {e}", path.display())))?;
    let conn = connect(sqlite(path, config, 1, true), config).await?;
    let mode = Statement::from_string(conn.get_database_backend(), "PRAGMA journal_mode");
    let mode = conn.query_one_raw(mode).await.db()?.map(|row| row.try_get_by_index::<String>(0)).transpose().db()?;
    if mode.as_deref() == Some("wal") {
        Ok(conn)
    } else {
        Err(Error::unavailable(format!("{}: the file system cannot keep a write-ahead log (journal mode {mode:?})", path.display())))
    }
}

/// Connections that read from a SQLite file.
pub(crate) async fn sqlite_readers(path: &Path, config: &StoreConfig) -> Result<DatabaseConnection> {
    connect(sqlite(path, config, config.read_connections_max, false), config).await
}

/// Connections to PostgreSQL.
pub(crate) async fn postgres(config: &StoreConfig) -> Result<DatabaseConnection> {
    let mut options = options(&config.url, config.connections_max);
    options.set_application_name("stoa").test_before_acquire_if_idle_for(Duration::from_secs(30));
    connect(options, config).await
}

/// A connection that keeps its session until it is closed.
pub(crate) async fn postgres_session(config: &StoreConfig) -> Result<DatabaseConnection> {
    let mut options = options(&config.url, 1);
    options.set_application_name("stoa migrate").min_connections(1).idle_timeout(None).max_lifetime(None);
    Database::connect(options).await.db()
}
