use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{DbBackend, DbErr},
};
use stoa_store::{
    tables::{bytes, create, drop, number, small, table},
    text_key,
};

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "analytics_0001_foundation"
    }
}

/// One row per folded fact.
fn fact() -> TableCreateStatement {
    let columns = vec![
        text_key("tenant"),
        text_key("aggregate"),
        number("version"),
        number("fold_version"),
        small("source"),
        number("position"),
        number("occurred"),
        number("recorded"),
        bytes("document"),
    ];
    table("fact", columns, &["tenant", "aggregate", "version"])
}

/// One row per tenant, whose lock orders the fold versions. SQLite has only one
/// writer and does not need it.
fn fold_head() -> TableCreateStatement {
    table("fold_head", vec![text_key("tenant"), number("version")], &["tenant"])
}

fn tables(manager: &SchemaManager<'_>) -> Vec<TableCreateStatement> {
    match manager.get_database_backend() {
        DbBackend::Postgres => vec![fact(), fold_head()],
        _ => vec![fact()],
    }
}

/// Finds the last fold version, and what has changed since another one.
const INDEXES: [&str; 1] = ["CREATE INDEX fact_fold ON fact (tenant, fold_version, aggregate)"];

#[async_trait::async_trait]
impl MigrationTrait for Foundation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, tables(manager), &INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, tables(manager)).await
    }
}
