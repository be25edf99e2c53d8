use sea_orm_migration::{MigrationTrait, prelude::TableCreateStatement};
use stoa_store::{
    tables::{self, documents, flag, number, optional_number, small, text},
    text_key,
};

/// The first tables.
pub(super) fn foundation() -> Box<dyn MigrationTrait> {
    tables::new_tables("market_0001_foundation", tables, &INDEXES)
}

fn tables() -> Vec<TableCreateStatement> {
    vec![documents(
        "marketing_campaign",
        vec![
            text_key("partner"),
            text("display_name"),
            text("product_line"),
            flag("co_branded"),
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

/// Partial indexes have the same syntax on both backends.
const INDEXES: [&str; 2] = [
    "CREATE INDEX marketing_campaign_partner ON marketing_campaign (tenant, partner)",
    "CREATE INDEX marketing_campaign_due ON marketing_campaign (due_time) WHERE due_time IS NOT NULL",
];
