use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{self, ConnectionTrait, DbBackend, DbErr},
};
use stoa_store::text_key;

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "incentivize_0001_foundation"
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
    vec![
        documents("exchange_rate", vec![text("base_currency"), text("quote_currency"), text("date"), number("create_time")]),
        documents(
            "commission_rule",
            vec![
                text("product_line"),
                small("partner_type"),
                text("tier"),
                text("territory"),
                number("effective_time"),
                optional_number("expire_time"),
                number("create_time"),
            ],
        ),
        documents(
            "commission",
            vec![
                text_key("partner"),
                text_key("deal"),
                text("commission_rule"),
                small("state"),
                text("currency"),
                number("amount"),
                number("win_time"),
                number("create_time"),
            ],
        ),
        Table::create()
            .table("commission_deal")
            .col(text_key("tenant"))
            .col(text_key("id"))
            .col(ColumnDef::new("version").big_integer().not_null())
            .primary_key(Index::create().col("tenant").col("id"))
            .to_owned(),
        documents(
            "mdf_budget",
            vec![text("currency"), number("amount"), number("committed"), text("start_date"), text("end_date"), number("create_time")],
        ),
        documents(
            "mdf_request",
            vec![
                text_key("partner"),
                text_key("mdf_budget"),
                text("marketing_campaign"),
                small("state"),
                text("usage_start_date"),
                text("usage_end_date"),
                number("claim_deadline_time"),
                number("create_time"),
            ],
        ),
        documents(
            "mdf_claim",
            vec![
                text_key("partner"),
                text_key("mdf_request"),
                small("state"),
                text("currency"),
                number("approved"),
                optional_number("submit_time"),
                number("create_time"),
            ],
        ),
        documents(
            "ledger_transaction",
            vec![text_key("partner"), text_key("source"), small("kind"), text("post_date"), number("create_time")],
        ),
        Table::create()
            .table("ledger_posting")
            .col(text_key("tenant"))
            .col(text_key("ledger_transaction"))
            .col(ColumnDef::new("line").integer().not_null())
            .col(ColumnDef::new("account").integer().not_null())
            .col(ColumnDef::new("currency").text().not_null())
            .col(ColumnDef::new("amount").big_integer().not_null())
            .primary_key(Index::create().col("tenant").col("ledger_transaction").col("line"))
            .to_owned(),
    ]
}

/// Partial indexes are spelled the same on both backends.
const INDEXES: [&str; 9] = [
    "CREATE INDEX commission_rule_effective ON commission_rule (tenant, effective_time)",
    "CREATE INDEX commission_deal_rows ON commission (tenant, deal)",
    "CREATE INDEX commission_partner ON commission (tenant, partner)",
    "CREATE INDEX mdf_request_partner ON mdf_request (tenant, partner)",
    // 3 and 4 are APPROVED and IN_EXECUTION: what the deadline ends.
    "CREATE INDEX mdf_request_deadline ON mdf_request (claim_deadline_time) WHERE state IN (3, 4)",
    "CREATE INDEX mdf_request_budget ON mdf_request (tenant, mdf_budget) WHERE state IN (3, 4)",
    "CREATE INDEX mdf_claim_request ON mdf_claim (tenant, mdf_request)",
    "CREATE INDEX ledger_transaction_time ON ledger_transaction (tenant, create_time, id)",
    "CREATE INDEX ledger_posting_account ON ledger_posting (tenant, currency, account)",
];

/// The ledger is append-only whatever the program does.
const APPEND_ONLY: [&str; 2] = ["ledger_transaction", "ledger_posting"];

async fn forbid_changes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let conn = manager.get_connection();
    let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
    if !sqlite {
        let refuse = "CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS \
                      $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$";
        conn.execute_unprepared(refuse).await?;
    }
    for table in APPEND_ONLY {
        for change in ["UPDATE", "DELETE"] {
            let name = format!("{table}_no_{}", change.to_ascii_lowercase());
            let refuse = if sqlite {
                "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            } else {
                "EXECUTE FUNCTION ledger_refuse_change()"
            };
            conn.execute_unprepared(&format!("CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {refuse}")).await?;
        }
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Foundation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            sea_orm::ConnectionTrait::execute_unprepared(manager.get_connection(), index).await?;
        }
        forbid_changes(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            if let Some(TableRef::Table(name, _)) = table.get_table_name() {
                manager.drop_table(Table::drop().table(name.clone()).to_owned()).await?;
            }
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared("DROP FUNCTION ledger_refuse_change").await?;
        }
        Ok(())
    }
}
