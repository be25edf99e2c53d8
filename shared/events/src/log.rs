//! Reading the log.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder, QuerySelect, Select, Statement,
    sea_query::Expr,
};
use stoa_kernel::{
    Cx, Reach, Result, Timestamp, names,
    page::{self, Page},
    positions::Positions,
};
use stoa_proto::events::v1::Event;
use stoa_store::{
    DbResult, Store, Tx,
    filter::{self, Field},
    sized::{self, Found},
};
use tokio::sync::watch;

use crate::{
    entity::log,
    source::{Batch, Source},
};

/// Maximum number of bytes of the events that one read returns, unless its first
/// event is larger.
pub(crate) const EVENT_BYTES_PER_READ_MAX: u64 = 4 * 1024 * 1024;

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

/// A row, with its data if that is small, and the size of the data.
#[derive(FromQueryResult)]
struct Sized {
    #[sea_orm(nested)]
    row: log::Model,
    bytes: i64,
}

/// The first of some events.
struct First {
    events: Vec<Event>,
    /// The position after which there are more of them.
    more_after: Option<i64>,
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

    /// Events after a position, of all tenants, in the order of positions: at
    /// most `limit`, and no more than fit into [`EVENT_BYTES_PER_READ_MAX`].
    /// None only at the end of the log.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn read(&self, after: i64, limit: u64) -> Result<Vec<Event>> {
        let query = log::Entity::find().filter(log::Column::Position.gt(after)).limit(limit);
        Ok(self.first(query, |bytes| page::fit(bytes.iter().copied(), EVENT_BYTES_PER_READ_MAX)).await?.events)
    }

    /// As many of the selected events as fit, in the order of positions.
    async fn first(&self, events: Select<log::Entity>, fit: impl Fn(&[u64]) -> usize) -> Result<First> {
        let (bytes, small) = (sized::bytes(Expr::col(log::Column::Data)), sized::if_small(Expr::col(log::Column::Data)));
        let other = log::Column::iter().filter(|column| !matches!(column, log::Column::Data));
        let sizes = events.order_by_asc(log::Column::Position).select_only().columns(other).expr_as(small, "data").expr_as(bytes, "bytes");
        let found = sizes.into_model::<Sized>().all(self.store.read()).await.db()?;
        let positions: Vec<i64> = found.iter().map(|found| found.row.position.unwrap_or_default()).collect();
        let found = found.into_iter().map(|Sized { row, bytes }| Found { key: row.seq, bytes: bytes.unsigned_abs(), row }).collect();
        let (rows, last) = sized::fill(fit, found, |keys| self.whole(keys)).await?;
        let more_after = last.and_then(|last| positions.get(last)).copied();
        Ok(First { events: rows.into_iter().map(Event::from).collect(), more_after })
    }

    async fn whole(&self, keys: Vec<i64>) -> Result<Vec<Found<i64, log::Model>>> {
        let rows = log::Entity::find().filter(log::Column::Seq.is_in(keys)).all(self.store.read()).await.db()?;
        Ok(rows.into_iter().map(|row| Found { key: row.seq, bytes: row.data.len() as u64, row }).collect())
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
    /// Both have positions as the caller sees them.
    ///
    /// # Errors
    /// INVALID_ARGUMENT `FILTER_INVALID`.
    pub async fn list(&self, cx: &Cx, positions: &Positions, page: &Page, filter: &str) -> Result<(Vec<Event>, String)> {
        let after = page.after.first().and_then(|key| positions.open(key.parse().ok()?)).unwrap_or_default();
        let mut query = log::Entity::find()
            .filter(log::Column::Tenant.eq(&cx.tenant))
            .filter(log::Column::Position.gt(after))
            .filter(filter::condition(filter, FIELDS, cx.now)?);
        match &cx.caller.reach {
            Reach::Tenant => {}
            Reach::Partner(id) => query = query.filter(log::Column::Partner.eq(names::name("partners", id))),
            Reach::Object(_) => return Ok((Vec::new(), String::new())),
        }
        let First { mut events, more_after } = self.first(query.limit(page.fetch()), |bytes| page.fit(bytes.iter().copied())).await?;
        for event in &mut events {
            event.position = positions.seal(event.position);
        }
        let next = page.after(more_after.as_ref(), |last| vec![positions.seal(*last).to_string()]);
        Ok((events, next))
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
