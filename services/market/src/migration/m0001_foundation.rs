use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{self, DbErr},
};
use stoa_store::text_key;

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "market_0001_foundation"
    }
}

/// A table of documents: tenant, id, version, document, and its own columns.
fn documents(name: &'static str, columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(text_key("tenant"))
        .col(text_key("id"))
        .col(ColumnDef::new("version").big_integer().not_null())
        .col(ColumnDef::new("document").binary().not_null())
        .primary_key(Index::create().col("tenant").col("id"));
    for mut column in columns {
        table.col(&mut column);
    }
    table.to_owned()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().to_owned()
}

fn optional_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().to_owned()
}

fn tables() -> Vec<TableCreateStatement> {
    vec![documents(
        "marketing_campaign",
        vec![
            text_key("partner"),
            text("display_name"),
            text("product_line"),
            ColumnDef::new("co_branded").boolean().not_null().to_owned(),
            text("mdf_request"),
            small("state"),
            optional_number("schedule_time"),
            optional_number("deploy_time"),
            optional_number("complete_time"),
            number("create_time"),
            optional_number("due_time"),
        ],
    )]
}

/// Partial indexes are spelled the same on both backends.
const INDEXES: [&str; 2] = [
    "CREATE INDEX marketing_campaign_partner ON marketing_campaign (tenant, partner)",
    "CREATE INDEX marketing_campaign_due ON marketing_campaign (due_time) WHERE due_time IS NOT NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Foundation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            sea_orm::ConnectionTrait::execute_unprepared(manager.get_connection(), index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            if let Some(TableRef::Table(name, _)) = table.get_table_name() {
                manager.drop_table(Table::drop().table(name.clone()).to_owned()).await?;
            }
        }
        Ok(())
    }
}
