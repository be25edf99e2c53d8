use sea_orm_migration::{MigrationTrait, prelude::TableCreateStatement};
use stoa_store::{
    tables::{self, documents, number, optional_number, small, table, text},
    text_key,
};

/// The first tables.
pub(super) fn foundation() -> Box<dyn MigrationTrait> {
    tables::new_tables("enable_0001_foundation", tables, &INDEXES)
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        documents(
            "course",
            vec![text("display_name"), text("product_line"), text("language"), small("content_version"), number("create_time")],
        ),
        documents(
            "course_completion",
            vec![text_key("partner"), text_key("person"), text_key("course"), text("product_line"), number("complete_time")],
        ),
        documents("certification", vec![text("display_name"), text("product_line"), small("content_version"), number("create_time")]),
        documents(
            "certification_award",
            vec![
                text_key("certification"),
                text("product_line"),
                text_key("partner"),
                text_key("person"),
                small("state"),
                number("earn_time"),
                number("expire_time"),
                optional_number("due_time"),
            ],
        ),
        documents(
            "portal_activity",
            vec![
                text_key("partner"),
                text("element"),
                text_key("date"),
                number("view_count"),
                number("first_view_time"),
                number("last_view_time"),
            ],
        ),
        table(
            "portal_view",
            vec![text_key("tenant"), text_key("partner"), text_key("activity_id"), text("person"), text("element"), number("view_time")],
            &["tenant", "partner", "activity_id"],
        ),
    ]
}

/// Partial indexes have the same syntax on both backends.
const INDEXES: [&str; 6] = [
    "CREATE INDEX course_completion_partner ON course_completion (tenant, partner)",
    "CREATE INDEX course_completion_person ON course_completion (tenant, person)",
    "CREATE INDEX certification_award_partner ON certification_award (tenant, partner)",
    "CREATE INDEX certification_award_person ON certification_award (tenant, person)",
    "CREATE INDEX certification_award_due ON certification_award (due_time) WHERE due_time IS NOT NULL",
    "CREATE INDEX portal_activity_partner ON portal_activity (tenant, partner, date)",
];
