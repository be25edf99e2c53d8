use sea_orm_migration::{MigrationTrait, async_trait, prelude::*, sea_orm::DbErr};
use stoa_store::text_key;

use crate::ancestors;

/// The tables of the copy, for the store of every service except onboard.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Directory), ancestors::migration("directory_0002_ancestors", "partner_copy")]
}

struct Directory;

impl MigrationName for Directory {
    fn name(&self) -> &'static str {
        "directory_0001_copies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Directory {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let partners = Table::create()
            .table("partner_copy")
            .col(text_key("tenant"))
            .col(text_key("id"))
            .col(ColumnDef::new("version").big_integer().not_null())
            .col(ColumnDef::new("visible_to").text().not_null())
            .col(ColumnDef::new("document").binary().not_null())
            .primary_key(Index::create().col("tenant").col("id"))
            .to_owned();
        manager.create_table(partners).await?;
        let others = Table::create()
            .table("directory_copy")
            .col(text_key("tenant"))
            .col(text_key("name"))
            .col(ColumnDef::new("version").big_integer().not_null())
            .col(text_key("partner"))
            .col(ColumnDef::new("document").binary().not_null())
            .primary_key(Index::create().col("tenant").col("name"))
            .to_owned();
        manager.create_table(others).await?;
        let by_partner = Index::create().name("directory_copy_partner").table("directory_copy").col("tenant").col("partner").to_owned();
        manager.create_index(by_partner).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("partner_copy").to_owned()).await?;
        manager.drop_table(Table::drop().table("directory_copy").to_owned()).await
    }
}
