use sea_orm_migration::{
    async_trait,
    prelude::*,
    sea_orm::{self, DbErr},
};
use stoa_store::text_key;

pub(super) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "enable_0001_foundation"
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
        Table::create()
            .table("portal_view")
            .col(text_key("tenant"))
            .col(text_key("partner"))
            .col(text_key("activity_id"))
            .col(text("person"))
            .col(text("element"))
            .col(number("view_time"))
            .primary_key(Index::create().col("tenant").col("partner").col("activity_id"))
            .to_owned(),
    ]
}

/// Partial indexes are spelled the same on both backends.
const INDEXES: [&str; 6] = [
    "CREATE INDEX course_completion_partner ON course_completion (tenant, partner)",
    "CREATE INDEX course_completion_person ON course_completion (tenant, person)",
    "CREATE INDEX certification_award_partner ON certification_award (tenant, partner)",
    "CREATE INDEX certification_award_person ON certification_award (tenant, person)",
    "CREATE INDEX certification_award_due ON certification_award (due_time) WHERE due_time IS NOT NULL",
    "CREATE INDEX portal_activity_partner ON portal_activity (tenant, partner, date)",
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
