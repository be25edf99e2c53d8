use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{self, DbErr},
};
use stoa_store::text_key;

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "sell_0001_foundation"
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

fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().to_owned()
}

fn optional_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().to_owned()
}

fn deal() -> TableCreateStatement {
    documents(
        "deal",
        vec![
            text_key("partner"),
            small("registration_state"),
            small("pipeline_stage"),
            text_key("product_line"),
            text_key("close_date"),
            optional_number("amount_minor"),
            text("customer_domain"),
            flag("imported"),
            flag("deleted"),
            optional_number("submit_time"),
            optional_number("end_time"),
            optional_number("decide_due_time"),
            optional_number("remind_time"),
            number("create_time"),
        ],
    )
}

/// One row a claim, to be locked: who registers first holds the customer.
fn deal_claim() -> TableCreateStatement {
    Table::create()
        .table("deal_claim")
        .col(text_key("tenant"))
        .col(text_key("customer_key"))
        .col(text_key("product_line"))
        .primary_key(Index::create().col("tenant").col("customer_key").col("product_line"))
        .to_owned()
}

/// Under which identifiers a deal was registered.
fn deal_key() -> TableCreateStatement {
    Table::create()
        .table("deal_key")
        .col(text_key("tenant"))
        .col(text_key("customer_key"))
        .col(text_key("product_line"))
        .col(text_key("deal"))
        .primary_key(Index::create().col("tenant").col("customer_key").col("product_line").col("deal"))
        .to_owned()
}

fn crm_link() -> TableCreateStatement {
    Table::create()
        .table("crm_link")
        .col(text_key("tenant"))
        .col(text_key("connector"))
        .col(text_key("remote_object"))
        .col(text_key("remote_id"))
        .col(small("object"))
        .col(text_key("local_id"))
        .col(text("remote_version"))
        .col(optional_number("remote_time"))
        .col(flag("deleted"))
        .col(text("findings"))
        .col(ColumnDef::new("base").binary().not_null())
        .primary_key(Index::create().col("tenant").col("connector").col("remote_object").col("remote_id"))
        .to_owned()
}

fn crm_conflict() -> TableCreateStatement {
    Table::create()
        .table("crm_conflict")
        .col(text_key("tenant"))
        .col(text_key("connector"))
        .col(text_key("remote_object"))
        .col(text_key("remote_id"))
        .col(text_key("remote_version"))
        .col(text("local_id"))
        .col(text("reason"))
        .col(ColumnDef::new("row").binary().not_null())
        .col(number("record_time"))
        .primary_key(Index::create().col("tenant").col("connector").col("remote_object").col("remote_id").col("remote_version"))
        .to_owned()
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        documents("product_line", vec![]),
        deal(),
        deal_claim(),
        deal_key(),
        documents("crm_connector", vec![]),
        crm_link(),
        crm_conflict(),
    ]
}

/// Partial indexes are spelled the same on both backends.
const INDEXES: [&str; 6] = [
    "CREATE INDEX deal_partner ON deal (tenant, partner)",
    "CREATE INDEX deal_decide_due ON deal (decide_due_time) WHERE decide_due_time IS NOT NULL",
    "CREATE INDEX deal_remind ON deal (remind_time) WHERE remind_time IS NOT NULL",
    "CREATE INDEX deal_key_deal ON deal_key (tenant, deal)",
    "CREATE UNIQUE INDEX crm_link_local ON crm_link (tenant, connector, object, local_id)",
    "CREATE INDEX crm_conflict_time ON crm_conflict (tenant, record_time)",
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
