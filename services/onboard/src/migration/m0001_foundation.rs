use sea_orm_migration::{async_trait, prelude::*, sea_orm::DbErr};
use stoa_store::{
    tables::{self, bytes, documents, flag, number, optional_number, small, table, text},
    text_key,
};

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "onboard_0001_foundation"
    }
}

fn program() -> Vec<TableCreateStatement> {
    vec![documents("tenant_settings", vec![]), documents("program", vec![]), documents("tier", vec![text_key("program"), small("rank")])]
}

fn recruitment() -> Vec<TableCreateStatement> {
    let prospect = vec![
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
    ];
    let agreement = vec![text("prospect"), text_key("partner"), text("program"), small("state"), optional_number("expire_time")];
    vec![documents("prospect", prospect), documents("agreement", agreement)]
}

fn network() -> Vec<TableCreateStatement> {
    let partner = vec![
        text("display_name"),
        small("type"),
        text_key("parent"),
        text("territory"),
        text("vertical"),
        text("country_code"),
        text("lineage"),
        text("visible_to"),
        number("create_time"),
    ];
    vec![
        documents("partner", partner),
        // The row that serializes moves of a tenant's partners.
        table("hierarchy", vec![text_key("tenant")], &["tenant"]),
        // Programs whose partners' visibility is being refreshed page by page.
        table("visibility_refresh", vec![text_key("tenant"), text_key("program"), text("done_through")], &["tenant", "program"]),
        documents("person", vec![text_key("partner")]),
        documents("cam_assignment", vec![text_key("partner"), text("person")]),
    ]
}

fn enrollment() -> Vec<TableCreateStatement> {
    let enrollment =
        vec![text_key("partner"), text("program"), text("tier"), small("status"), number("effective_time"), optional_number("end_time")];
    let plan =
        vec![text_key("partner"), flag("complete"), number("progress_time"), optional_number("end_time"), optional_number("stall_time")];
    let row = vec![text_key("tenant"), text_key("bulk_enrollment"), text_key("row_id"), bytes("row_hash"), bytes("answer")];
    vec![
        documents("enrollment", enrollment),
        documents("onboarding_plan", plan),
        table("bulk_enroll_row", row, &["tenant", "bulk_enrollment", "row_id"]),
    ]
}

fn all() -> Vec<TableCreateStatement> {
    [program(), recruitment(), network(), enrollment()].concat()
}

const INDEXES: [&str; 11] = [
    "CREATE UNIQUE INDEX tier_rank ON tier (tenant, program, rank)",
    "CREATE INDEX partner_parent ON partner (tenant, parent)",
    "CREATE UNIQUE INDEX prospect_duplicate ON prospect (tenant, duplicate_key) WHERE duplicate_key <> ''",
    "CREATE INDEX agreement_partner ON agreement (tenant, partner)",
    // A partner has one live enrollment per program; 1 and 2 are ENROLLED and
    // SUSPENDED.
    "CREATE UNIQUE INDEX enrollment_live ON enrollment (tenant, partner, program) WHERE status IN (1, 2)",
    "CREATE INDEX enrollment_partner ON enrollment (tenant, partner)",
    "CREATE INDEX enrollment_program ON enrollment (tenant, program, partner)",
    "CREATE INDEX enrollment_end ON enrollment (end_time) WHERE status IN (1, 2)",
    "CREATE INDEX onboarding_plan_partner ON onboarding_plan (tenant, partner)",
    "CREATE INDEX onboarding_plan_stall ON onboarding_plan (stall_time) WHERE stall_time IS NOT NULL",
    "CREATE INDEX cam_assignment_person ON cam_assignment (tenant, person)",
];

#[async_trait::async_trait]
impl MigrationTrait for Foundation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tables::create(manager, all(), &INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tables::drop(manager, all()).await
    }
}
