use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{self, DbErr},
};
use stoa_store::text_key;

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "onboard_0001_foundation"
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
        documents("tenant_settings", vec![]),
        documents("program", vec![]),
        documents("tier", vec![text_key("program"), small("rank")]),
        documents(
            "partner",
            vec![
                text("display_name"),
                small("type"),
                text_key("parent"),
                text("territory"),
                text("vertical"),
                text("country_code"),
                text("lineage"),
                text("visible_to"),
                number("create_time"),
            ],
        ),
        documents(
            "prospect",
            vec![
                text("display_name"),
                small("type"),
                small("state"),
                text("domain"),
                text("country_code"),
                text("duplicate_key"),
                text("territory"),
                text("vertical"),
                text("owner"),
                number("create_time"),
            ],
        ),
        documents(
            "agreement",
            vec![text("prospect"), text_key("partner"), text("program"), small("state"), optional_number("expire_time")],
        ),
        documents(
            "enrollment",
            vec![
                text_key("partner"),
                text("program"),
                text("tier"),
                small("status"),
                number("effective_time"),
                optional_number("end_time"),
            ],
        ),
        documents(
            "onboarding_plan",
            vec![
                text_key("partner"),
                ColumnDef::new("complete").boolean().not_null().to_owned(),
                number("progress_time"),
                optional_number("stall_time"),
            ],
        ),
        documents("person", vec![text_key("partner")]),
        documents("cam_assignment", vec![text_key("partner"), text("person")]),
        Table::create()
            .table("bulk_enroll_row")
            .col(text_key("tenant"))
            .col(text_key("bulk_enrollment"))
            .col(text_key("row_id"))
            .col(ColumnDef::new("row_hash").binary().not_null())
            .col(ColumnDef::new("answer").binary().not_null())
            .primary_key(Index::create().col("tenant").col("bulk_enrollment").col("row_id"))
            .to_owned(),
    ]
}

/// Partial indexes are spelled the same on both backends.
const INDEXES: [&str; 11] = [
    "CREATE UNIQUE INDEX tier_rank ON tier (tenant, program, rank)",
    "CREATE INDEX partner_parent ON partner (tenant, parent)",
    "CREATE UNIQUE INDEX prospect_duplicate ON prospect (tenant, duplicate_key) WHERE duplicate_key <> ''",
    "CREATE INDEX agreement_partner ON agreement (tenant, partner)",
    // A partner stands in a program once; 1 and 2 are ENROLLED and SUSPENDED.
    "CREATE UNIQUE INDEX enrollment_live ON enrollment (tenant, partner, program) WHERE status IN (1, 2)",
    "CREATE INDEX enrollment_partner ON enrollment (tenant, partner)",
    "CREATE INDEX enrollment_program ON enrollment (tenant, program)",
    "CREATE INDEX enrollment_end ON enrollment (end_time) WHERE status IN (1, 2)",
    "CREATE INDEX onboarding_plan_partner ON onboarding_plan (tenant, partner)",
    "CREATE INDEX onboarding_plan_stall ON onboarding_plan (stall_time) WHERE stall_time IS NOT NULL",
    "CREATE INDEX cam_assignment_person ON cam_assignment (tenant, person)",
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
