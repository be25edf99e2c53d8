//! The tables of analytics: one row a folded fact, and the head that orders
//! them. They can be dropped and folded again from the services' logs.

use sea_orm_migration::{MigrationTrait, async_trait, prelude::*, sea_orm::DbErr};
use stoa_store::text_key;

/// All migrations of the service's store, the event log's included.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = stoa_events::migrations();
    all.push(Box::new(Facts));
    all
}

struct Facts;

impl MigrationName for Facts {
    fn name(&self) -> &'static str {
        "analytics_0001_facts"
    }
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Facts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let facts = Table::create()
            .table("fact")
            .col(text_key("tenant"))
            .col(text_key("aggregate"))
            .col(number("version"))
            .col(number("fold_version"))
            .col(ColumnDef::new("source").integer().not_null())
            .col(number("position"))
            .col(number("occurred"))
            .col(number("recorded"))
            .col(ColumnDef::new("document").binary().not_null())
            .primary_key(Index::create().col("tenant").col("aggregate").col("version"))
            .to_owned();
        manager.create_table(facts).await?;
        let by_fold = Index::create().name("fact_fold").table("fact").col("tenant").col("fold_version").col("aggregate").to_owned();
        manager.create_index(by_fold).await?;
        let head = Table::create().table("fold_head").col(text_key("tenant").primary_key()).col(number("version")).to_owned();
        manager.create_table(head).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("fact").to_owned()).await?;
        manager.drop_table(Table::drop().table("fold_head").to_owned()).await
    }
}
