//! The tables of this crate, in every service's store.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, blob, integer, text},
};
use stoa_store::text_key;

/// Migrations of the log, the cursors, the parked events, the inbox and the
/// positions applied ahead of a gap.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Events)]
}

struct Events;

impl MigrationName for Events {
    fn name(&self) -> &'static str {
        "events_0001_log"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Events {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(log()).await?;
        for index in log_indexes() {
            manager.create_index(index).await?;
        }
        // Most rows have a position, and the relay must not scan them.
        manager.get_connection().execute_unprepared("CREATE INDEX event_log_waiting ON event_log (seq) WHERE position IS NULL").await?;
        manager.create_table(cursor()).await?;
        manager.create_table(parked()).await?;
        manager.create_index(parked_index()).await?;
        manager.create_table(inbox()).await?;
        manager.create_table(ahead()).await?;
        manager.create_index(Index::create().name("event_inbox_time").table("event_inbox").col("receive_time").to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["event_ahead", "event_inbox", "event_parked", "event_cursor", "event_log"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// `seq` counts the rows of this store in the order of their inserts. On
/// PostgreSQL that is not the order of commits: a row may become visible after
/// one with a higher `seq`. So nothing keeps a cursor over it. The relay takes
/// whichever committed rows have no position yet, lowest `seq` first. Two
/// versions of one aggregate are still in order, because the second one's
/// transaction saw the first one committed.
fn log() -> TableCreateStatement {
    Table::create()
        .table("event_log")
        .col(ColumnDef::new("seq").big_integer().not_null().auto_increment().primary_key())
        .col(text_key("event_id"))
        .col(text_key("tenant"))
        .col(ColumnDef::new("position").big_integer().null())
        .col(text("subject"))
        .col(text_key("aggregate"))
        .col(big_integer("version"))
        .col(big_integer("occurred"))
        .col(big_integer("recorded"))
        .col(text("actor"))
        .col(text("on_behalf_of"))
        .col(text("request_id"))
        .col(text("causation_id"))
        .col(text("partner"))
        .col(text("changed_fields"))
        .col(text("traceparent"))
        .col(text("message_type"))
        .col(blob("data"))
        .to_owned()
}

fn log_indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create().name("event_log_id").table("event_log").col("event_id").unique().to_owned(),
        Index::create().name("event_log_position").table("event_log").col("position").unique().to_owned(),
        Index::create().name("event_log_version").table("event_log").col("tenant").col("aggregate").col("version").unique().to_owned(),
        Index::create().name("event_log_tenant").table("event_log").col("tenant").col("position").to_owned(),
    ]
}

fn cursor() -> TableCreateStatement {
    Table::create().table("event_cursor").col(text_key("name").primary_key().take()).col(big_integer("position")).to_owned()
}

fn parked() -> TableCreateStatement {
    Table::create()
        .table("event_parked")
        .col(text_key("tenant"))
        .col(text_key("subscription"))
        .col(text_key("event_id"))
        .col(text_key("aggregate"))
        .col(big_integer("version"))
        .col(integer("attempts"))
        .col(text("error"))
        .col(big_integer("park_time"))
        .col(blob("event"))
        .primary_key(Index::create().col("tenant").col("subscription").col("event_id"))
        .to_owned()
}

fn parked_index() -> IndexCreateStatement {
    Index::create()
        .name("event_parked_aggregate")
        .table("event_parked")
        .col("subscription")
        .col("tenant")
        .col("aggregate")
        .col("version")
        .to_owned()
}

fn inbox() -> TableCreateStatement {
    Table::create()
        .table("event_inbox")
        .col(text_key("subscription"))
        .col(text_key("event_id"))
        .col(big_integer("receive_time"))
        .primary_key(Index::create().col("subscription").col("event_id"))
        .to_owned()
}

fn ahead() -> TableCreateStatement {
    Table::create()
        .table("event_ahead")
        .col(text_key("source"))
        .col(big_integer("position"))
        .primary_key(Index::create().col("source").col("position"))
        .to_owned()
}
