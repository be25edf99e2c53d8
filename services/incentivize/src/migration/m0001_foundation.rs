use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, DbErr},
};
use stoa_store::{
    tables::{self, documents, number, optional_number, small, table, text},
    text_key,
};

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "incentivize_0001_foundation"
    }
}

fn commissions() -> Vec<TableCreateStatement> {
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
        documents("commission_deal", vec![]),
        table(
            "commission_credit",
            vec![text_key("tenant"), text_key("deal"), text_key("partner"), number("win_time")],
            &["tenant", "deal", "partner"],
        ),
        table(
            "enrollment_history",
            vec![
                text_key("tenant"),
                text_key("enrollment"),
                number("version"),
                text_key("partner"),
                text("tier"),
                number("tier_time"),
                small("status"),
                number("occurred_time"),
                number("effective_time"),
                optional_number("end_time"),
            ],
            &["tenant", "enrollment", "version"],
        ),
        table("enrollment_history_lock", vec![text_key("tenant"), text_key("partner"), number("taken_count")], &["tenant", "partner"]),
    ]
}

fn money() -> Vec<TableCreateStatement> {
    vec![
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
        table(
            "ledger_posting",
            vec![text_key("tenant"), text_key("ledger_transaction"), small("line"), small("account"), text("currency"), number("amount")],
            &["tenant", "ledger_transaction", "line"],
        ),
    ]
}

/// Partial indexes have the same syntax on both backends.
const INDEXES: [&str; 11] = [
    "CREATE INDEX commission_rule_effective ON commission_rule (tenant, effective_time)",
    "CREATE INDEX commission_deal_rows ON commission (tenant, deal)",
    "CREATE INDEX commission_partner ON commission (tenant, partner)",
    "CREATE INDEX commission_credit_partner ON commission_credit (tenant, partner, win_time)",
    "CREATE INDEX enrollment_history_partner ON enrollment_history (tenant, partner)",
    "CREATE INDEX mdf_request_partner ON mdf_request (tenant, partner)",
    // 3 and 4 are APPROVED and IN_EXECUTION, the states that the deadline ends.
    "CREATE INDEX mdf_request_deadline ON mdf_request (claim_deadline_time) WHERE state IN (3, 4)",
    "CREATE INDEX mdf_request_budget ON mdf_request (tenant, mdf_budget) WHERE state IN (3, 4)",
    "CREATE INDEX mdf_claim_request ON mdf_claim (tenant, mdf_request)",
    "CREATE INDEX ledger_transaction_time ON ledger_transaction (tenant, create_time, id)",
    "CREATE INDEX ledger_posting_account ON ledger_posting (tenant, currency, account)",
];

/// Tables that the database itself keeps append-only, whatever the program does.
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
        tables::create(manager, [commissions(), money()].concat(), &INDEXES).await?;
        forbid_changes(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tables::drop(manager, [commissions(), money()].concat()).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared("DROP FUNCTION ledger_refuse_change").await?;
        }
        Ok(())
    }
}
