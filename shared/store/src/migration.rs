//! The tables of this crate, and how all migrations are applied.

use std::{collections::HashSet, sync::Arc};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, IntoDatabaseExecutor, Statement, sea_query::IntoIden};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTraitSelf, SchemaManager, prelude::*};
use stoa_kernel::{Error, Result};

use crate::{DbResult, StoreConfig, connect, errors::classify};

/// Advisory lock of `migrate`: "stoa" in ASCII.
const LOCK: i64 = 0x7374_6f61;

/// A text column that is not null, and that compares and orders by its bytes on
/// both backends: for every column of a key, and every column that pages are
/// ordered by.
///
/// SQLite does so anyway. PostgreSQL follows the locale of the database unless
/// the column says otherwise. The first migration of every store makes `binary`
/// a name of its collation "C", so that one spelling works on both.
pub fn text_key(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().not_null().extra("COLLATE \"binary\"").to_owned()
}

/// All migrations of a store, in order.
pub(crate) struct Migrator(Vec<Arc<dyn MigrationTrait>>);

impl Migrator {
    pub(crate) fn new(given: Vec<Box<dyn MigrationTrait>>) -> Result<Self> {
        let mut all: Vec<Arc<dyn MigrationTrait>> = vec![Arc::new(Foundation)];
        all.extend(given.into_iter().map(Arc::from));
        let mut names = HashSet::new();
        if let Some(twice) = all.iter().find(|m| !names.insert(m.name().to_owned())) {
            return Err(Error::internal(format!("two migrations are named {}", twice.name())));
        }
        Ok(Self(all))
    }

    pub(crate) async fn apply<'c>(&self, conn: impl IntoDatabaseExecutor<'c>) -> Result<()> {
        self.up(conn, None).await.map_err(|e| match classify(&e) {
            transient if transient.is_transient() => transient,
            _ => Error::internal(format!("a migration failed: {e}")),
        })
    }
}

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.0.iter().map(|m| Box::new(Shared(m.clone())) as Box<dyn MigrationTrait>).collect()
    }
}

/// A migration that can be handed out more than once.
struct Shared(Arc<dyn MigrationTrait>);

impl MigrationName for Shared {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Shared {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        self.0.use_transaction()
    }
}

/// Applies migrations in a session of their own. The end of the session frees
/// the lock in any case.
pub(crate) async fn on_postgres(config: &StoreConfig, migrator: &Migrator) -> Result<()> {
    let session = connect::postgres_session(config).await?;
    let lock = Statement::from_sql_and_values(DbBackend::Postgres, "SELECT pg_advisory_lock($1)", [LOCK.into()]);
    let outcome = match session.execute_raw(lock).await.db() {
        Ok(_) => migrator.apply(&session).await,
        Err(e) => Err(e),
    };
    if let Err(e) = session.close().await {
        tracing::warn!(error = %e, "the session of the migration did not close cleanly");
    }
    outcome
}

struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "store_0001_foundation"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Foundation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            let collation = "CREATE COLLATION IF NOT EXISTS \"binary\" FROM pg_catalog.\"C\"";
            manager.get_connection().execute_unprepared(collation).await?;
        }
        manager.create_table(idempotency()).await?;
        let oldest = Index::create().name("idempotency_create_time").table("idempotency").col("create_time").to_owned();
        manager.create_index(oldest).await?;
        manager.create_table(lease()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("lease").to_owned()).await?;
        manager.drop_table(Table::drop().table("idempotency").to_owned()).await
    }
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

fn idempotency() -> TableCreateStatement {
    Table::create()
        .table("idempotency")
        .col(text_key("tenant"))
        .col(text_key("subject"))
        .col(text_key("method"))
        .col(text_key("request_id"))
        .col(ColumnDef::new("request_hash").binary().not_null())
        .col(ColumnDef::new("response").binary().not_null())
        .col(number("create_time"))
        .primary_key(Index::create().col("tenant").col("subject").col("method").col("request_id"))
        .to_owned()
}

fn lease() -> TableCreateStatement {
    Table::create()
        .table("lease")
        .col(text_key("name").primary_key())
        .col(text_key("holder"))
        .col(number("epoch"))
        .col(number("expire_time"))
        .to_owned()
}
