//! Reading the log.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use stoa_kernel::{Cx, Reach, Result, Timestamp, names, page::Page};
use stoa_proto::events::v1::Event;
use stoa_store::{
    DbResult, Store, Tx,
    filter::{self, Field},
};
use tokio::sync::watch;

use crate::{
    entity::log,
    source::{Batch, Source},
};

/// The fields that events can be filtered by.
const FIELDS: &[Field] = &[
    Field::text("aggregate"),
    Field::text("subject"),
    Field::text("partner"),
    Field::text("actor"),
    Field::text("request_id"),
    Field::time("recorded_time").column("recorded"),
];

const PRUNE: &str = "DELETE FROM event_log WHERE seq IN (\
     SELECT seq FROM event_log WHERE position <= $1 AND recorded < $2 ORDER BY position LIMIT $3)";

/// Whether the log has events of an aggregate, which may have been erased since.
///
/// # Errors
/// If the store cannot be read.
pub async fn has_events(tx: &Tx, cx: &Cx, name: &str) -> Result<bool> {
    let events = log::Entity::find().filter(log::Column::Tenant.eq(&cx.tenant)).filter(log::Column::Aggregate.eq(name));
    let first = events.select_only().column(log::Column::Seq).limit(1).into_tuple::<i64>().one(tx.conn()).await.db()?;
    Ok(first.is_some())
}

/// The log of one service.
#[derive(Clone)]
pub struct EventLog {
    store: Store,
    service: &'static str,
    wake: watch::Receiver<u64>,
}

impl EventLog {
    /// Creates a reader of the log of the service that the store belongs to.
    #[must_use]
    pub fn new(store: Store, service: &'static str) -> Self {
        let wake = store.commits();
        Self::waking(store, service, wake)
    }

    pub(crate) const fn waking(store: Store, service: &'static str, wake: watch::Receiver<u64>) -> Self {
        Self { store, service, wake }
    }

    /// Name of the service that the log belongs to.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// Events after a position, of all tenants, in the order of positions.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn read(&self, after: i64, limit: u64) -> Result<Vec<Event>> {
        let query = log::Entity::find().filter(log::Column::Position.gt(after)).order_by_asc(log::Column::Position).limit(limit);
        let rows = query.all(self.store.read()).await.db()?;
        Ok(rows.into_iter().map(Event::from).collect())
    }

    /// The last position assigned. 0 for an empty log.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn head(&self) -> Result<i64> {
        let query = log::Entity::find().select_only().column(log::Column::Position).filter(log::Column::Position.is_not_null());
        let row = query.order_by_desc(log::Column::Position).limit(1).into_tuple::<Option<i64>>().one(self.store.read()).await.db()?;
        Ok(row.flatten().unwrap_or_default())
    }

    /// Deletes the oldest events: those up to a position that were recorded
    /// before an instant of business time, at most `rows_max`. Returns how
    /// many. Fewer than `rows_max` means that none is left. Later readers of
    /// the log begin with what is kept.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn prune(&self, before: Timestamp, through: i64, rows_max: u64) -> Result<u64> {
        let values = (through, before.micros(), i64::try_from(rows_max).unwrap_or(i64::MAX));
        self.store.write(values, |tx, values| Box::pin(delete(tx, *values))).await
    }

    /// A page of events of the caller's tenant, and the token of the next page.
    ///
    /// # Errors
    /// INVALID_ARGUMENT `FILTER_INVALID`.
    pub async fn list(&self, cx: &Cx, page: &Page, filter: &str) -> Result<(Vec<Event>, String)> {
        let after = page.after.first().and_then(|key| key.parse::<i64>().ok()).unwrap_or_default();
        let mut query = log::Entity::find()
            .filter(log::Column::Tenant.eq(&cx.tenant))
            .filter(log::Column::Position.gt(after))
            .filter(filter::condition(filter, FIELDS, cx.now)?);
        if let Reach::Partner(id) = &cx.caller.reach {
            query = query.filter(log::Column::Partner.eq(names::name("partners", id)));
        }
        let mut rows = query.order_by_asc(log::Column::Position).limit(page.fetch()).all(self.store.read()).await.db()?;
        let next = page.cut(&mut rows, |row| vec![row.position.unwrap_or_default().to_string()]);
        Ok((rows.into_iter().map(Event::from).collect(), next))
    }
}

async fn delete(tx: &Tx, (through, before, rows_max): (i64, i64, i64)) -> Result<u64> {
    let values = [through.into(), before.into(), rows_max.into()];
    let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), PRUNE, values)).await.db()?;
    Ok(done.rows_affected())
}

#[async_trait::async_trait]
impl Source for EventLog {
    async fn read(&self, after: i64, limit: u64) -> Result<Batch> {
        let events = Self::read(self, after, limit).await?;
        let through = events.last().map_or(after, |event| event.position);
        Ok(Batch { events, through })
    }

    async fn head(&self) -> Result<i64> {
        Self::head(self).await
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.wake.clone()
    }
}
