//! The inbox: which events that arrived over JetStream have already taken
//! effect.

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait, Statement,
    sea_query::{OnConflict, Query},
};
use stoa_kernel::{Error, Result, Timestamp, clock::wall_now};
use stoa_proto::events::v1::Event;
use stoa_store::{DbResult, Store, Tx};

use crate::entity::inbox::{Column, Entity};

const PRUNE: &str = "DELETE FROM event_inbox WHERE (subscription, event_id) IN (\
     SELECT subscription, event_id FROM event_inbox WHERE receive_time < $1 ORDER BY receive_time LIMIT $2)";

/// Notes the events and returns the IDs of those that were not noted before. If
/// two replicas have the same event, the later one waits on the row and then
/// finds that the event is not new.
pub(crate) async fn claim(tx: &Tx, subscription: &str, events: &[Event]) -> Result<HashSet<String>> {
    let mut insert = Query::insert().into_table(Entity).columns([Column::Subscription, Column::EventId, Column::ReceiveTime]).to_owned();
    // Always in the same order, or two replicas could wait for each other.
    let mut ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        insert.values([subscription.into(), id.into(), wall_now().micros().into()]).map_err(Error::internal)?;
    }
    insert.on_conflict(OnConflict::columns([Column::Subscription, Column::EventId]).do_nothing().to_owned()).returning_col(Column::EventId);
    let rows = tx.conn().query_all(&insert).await.db()?;
    rows.into_iter().map(|row| row.try_get::<String>("", "event_id").db()).collect()
}

/// Deletes what was received before an instant. Returns the number of rows.
pub(crate) async fn prune(store: &Store, before: Timestamp, rows_max: u64) -> Result<u64> {
    let values = (before.micros(), i64::try_from(rows_max).unwrap_or(i64::MAX));
    let delete = |tx: &Tx, (before, limit): (i64, i64)| Statement::from_sql_and_values(tx.backend(), PRUNE, [before.into(), limit.into()]);
    store
        .write(values, move |tx, values| {
            let statement = delete(tx, *values);
            Box::pin(async move { Ok(tx.conn().execute_raw(statement).await.db()?.rows_affected()) })
        })
        .await
}
