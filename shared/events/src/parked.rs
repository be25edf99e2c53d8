//! Parked events: listing them, and applying them again.

use std::{collections::HashSet, sync::Arc};

use prost::Message;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, Iterable, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use stoa_kernel::{Cx, Error, Kind, Result, Timestamp, page::Page};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::events::v1::{Event, ParkedEvent};
use stoa_store::{
    DbResult, Store, Tx,
    sized::{self, Found},
};

use crate::{
    apply::HandlerError,
    cursor,
    entity::parked::{ActiveModel, Column, Entity, Model},
    subscription::{OnFailure, Subscription},
};

/// The error of an event that is parked without being tried.
pub(crate) const BEHIND: &str = "an earlier event of the same aggregate is parked";
/// Stands for the subscription of events that the stream refused, in their
/// owner's store.
pub(crate) const REFUSED: &str = "jetstream";
/// Maximum number of parked events of one subscription. At this number
/// something is wrong with the handler rather than with an event, and the
/// subscription stops.
pub const EVENTS_PARKED_MAX: u64 = 10_000;

/// The outcome of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events that were applied and left the list.
    pub replayed: i32,
    /// Events that stay: they failed again, or wait behind one that did.
    pub failed: i32,
}

/// A page of the parked events of the caller's tenant, oldest first, and the
/// token of the next page. `service` is the service that the store belongs to.
///
/// # Errors
/// The errors of the store.
pub async fn list(store: &Store, service: &str, cx: &Cx, page: &Page) -> Result<(Vec<ParkedEvent>, String)> {
    let mut query = Entity::find().filter(Column::Tenant.eq(&cx.tenant));
    if let [time, subscription, event_id] = page.after.as_slice() {
        let time: i64 = time.parse().unwrap_or_default();
        let later = Condition::all().add(Column::Subscription.eq(subscription)).add(Column::EventId.gt(event_id));
        let same_time = Condition::any().add(Column::Subscription.gt(subscription)).add(later);
        query = query
            .filter(Condition::any().add(Column::ParkTime.gt(time)).add(Condition::all().add(Column::ParkTime.eq(time)).add(same_time)));
    }
    let query = query.order_by_asc(Column::ParkTime).order_by_asc(Column::Subscription).order_by_asc(Column::EventId);
    let (bytes, small) = (sized::bytes(Expr::col(Column::Event)), sized::if_small(Expr::col(Column::Event)));
    let other = Column::iter().filter(|column| !matches!(column, Column::Event));
    let sizes = query.select_only().columns(other).expr_as(small, "event").expr_as(bytes, "bytes").limit(page.fetch());
    let found = sizes.into_model::<Sized>().all(store.read()).await.db()?;
    let keys: Vec<_> = found.iter().map(|Sized { row, .. }| (row.park_time, row.subscription.clone(), row.event_id.clone())).collect();
    let found = found.into_iter().map(|Sized { row, bytes }| row_of(bytes.unsigned_abs(), row)).collect();
    let (rows, last) = sized::fill(|bytes| page.fit(bytes.iter().copied()), found, |keys| whole(store, cx, keys)).await?;
    let next = page.after(last.and_then(|last| keys.get(last)), |(time, subscription, event_id)| {
        vec![time.to_string(), subscription.clone(), event_id.clone()]
    });
    let events = rows.iter().map(|row| proto(service, row)).collect::<Result<Vec<_>>>()?;
    Ok((events, next))
}

/// A row, with its event if that is small, and the size of the event.
#[derive(FromQueryResult)]
struct Sized {
    #[sea_orm(nested)]
    row: Model,
    bytes: i64,
}

fn row_of(bytes: u64, row: Model) -> Found<(String, String), Model> {
    Found { key: (row.subscription.clone(), row.event_id.clone()), bytes, row }
}

async fn whole(store: &Store, cx: &Cx, keys: Vec<(String, String)>) -> Result<Vec<Found<(String, String), Model>>> {
    let key = Expr::tuple([Expr::col(Column::Subscription), Expr::col(Column::EventId)]);
    let rows = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(key.in_tuples(keys)).all(store.read()).await.db()?;
    Ok(rows.into_iter().map(|row| row_of(row.event.len() as u64, row)).collect())
}

/// Number of parked events of a subscription, in all tenants.
///
/// # Errors
/// The errors of the store.
pub async fn count(store: &Store, subscription: &Subscription) -> Result<u64> {
    count_of(store, &subscription.key()).await
}

pub(crate) async fn count_of(store: &Store, key: &str) -> Result<u64> {
    Entity::find().filter(Column::Subscription.eq(key)).count(store.read()).await.db()
}

/// Applies parked events of a tenant again, each in its own transaction, in
/// version order. Empty `event_ids` means all of them. Events that the stream
/// refused just leave the list: consumers read them from the log.
///
/// # Errors
/// The errors of the store. Events that were applied by then have left the
/// list.
pub async fn replay(store: &Store, subscriptions: &[Subscription], tenant: &str, event_ids: &[String]) -> Result<Replayed> {
    let mut query =
        Entity::find().select_only().columns([Column::Subscription, Column::Aggregate, Column::EventId]).filter(Column::Tenant.eq(tenant));
    if !event_ids.is_empty() {
        query = query.filter(Column::EventId.is_in(event_ids));
    }
    let query = query.order_by_asc(Column::Subscription).order_by_asc(Column::Aggregate).order_by_asc(Column::Version);
    let rows = query.into_tuple::<(String, String, String)>().all(store.read()).await.db()?;
    let mut result = Replayed::default();
    let mut blocked = HashSet::new();
    for (key, aggregate, event_id) in rows {
        let subscription = subscriptions.iter().find(|s| s.key() == key && !blocked.contains(&(key.clone(), aggregate.clone())));
        let applied = match subscription {
            Some(subscription) => replay_one(store, subscription, tenant, event_id).await?,
            None if key == REFUSED => store.write((tenant.to_owned(), key.clone(), event_id), |tx, id| Box::pin(forget(tx, id))).await?,
            None => false,
        };
        if applied {
            result.replayed += 1;
        } else {
            result.failed += 1;
            if subscription.is_some_and(|s| s.on_failure == OnFailure::ParkAggregate) {
                blocked.insert((key, aggregate));
            }
        }
    }
    Ok(result)
}

struct Replay {
    subscription: Subscription,
    id: (String, String, String),
    handler_error: HandlerError,
}

async fn replay_one(store: &Store, subscription: &Subscription, tenant: &str, event_id: String) -> Result<bool> {
    let id = (tenant.to_owned(), subscription.key(), event_id);
    let work = Arc::new(Replay { subscription: subscription.clone(), id: id.clone(), handler_error: HandlerError::default() });
    let written = store.write(work.clone(), |tx, work| Box::pin(apply(tx, work))).await;
    let Err(error) = written else { return written };
    let Some(handler_error) = work.handler_error.take() else { return Err(error) };
    let (reason, cause) = (handler_error.reason().as_str(), handler_error.cause().unwrap_or_default());
    tracing::warn!(subscription = id.1, event_id = id.2, reason, cause, "a parked event could not be applied");
    store.write((id, handler_error.to_string()), |tx, (id, error)| Box::pin(note(tx, id, error))).await?;
    Ok(false)
}

async fn apply(tx: &Tx, work: &Replay) -> Result<bool> {
    work.handler_error.take();
    if work.subscription.on_failure == OnFailure::ParkAggregate {
        // The subscriber holds this row while it parks events behind others.
        cursor::lock(tx, &work.id.1).await?;
    }
    let Some(row) = Entity::find_by_id(work.id.clone()).one(tx.conn()).await.db()? else { return Ok(true) };
    if work.subscription.on_failure == OnFailure::ParkAggregate && earlier(tx, &row).await? {
        return Ok(false);
    }
    Entity::delete_by_id(work.id.clone()).exec(tx.conn()).await.db()?;
    let event: Event = stoa_store::decode("event_parked", &row.event_id, &row.event)?;
    work.handler_error.run_handler(tx, &work.subscription, &event).await?;
    Ok(true)
}

async fn forget(tx: &Tx, id: &(String, String, String)) -> Result<bool> {
    Entity::delete_by_id(id.clone()).exec(tx.conn()).await.db()?;
    Ok(true)
}

async fn earlier(tx: &Tx, row: &Model) -> Result<bool> {
    let query = Entity::find()
        .filter(Column::Subscription.eq(&row.subscription))
        .filter(Column::Tenant.eq(&row.tenant))
        .filter(Column::Aggregate.eq(&row.aggregate))
        .filter(Column::Version.lt(row.version));
    Ok(query.limit(1).one(tx.conn()).await.db()?.is_some())
}

async fn note(tx: &Tx, (tenant, subscription, event_id): &(String, String, String), error: &str) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::Error, Expr::value(error))
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subscription.eq(subscription))
        .filter(Column::EventId.eq(event_id));
    update.exec(tx.conn()).await.db()?;
    Ok(())
}

/// Parks an event. An event that is already parked stays as it is.
///
/// # Errors
/// RESOURCE_EXHAUSTED `PARKED_FULL`.
pub(crate) async fn insert(tx: &Tx, key: &str, event: &Event, attempts: i64, error: &str, now: Timestamp) -> Result<()> {
    let parked = Entity::find().filter(Column::Subscription.eq(key)).count(tx.conn()).await.db()?;
    if parked >= EVENTS_PARKED_MAX {
        let message = format!("{key} has {parked} parked events and stops. Correct its handler and replay them.");
        return Err(Error::new(Kind::ResourceExhausted, ErrorReason::ParkedFull, message));
    }
    put(tx, key, event, attempts, error, now).await
}

/// Notes an event that the stream refused, without its data, which the log has.
/// Beyond the maximum nothing is noted: the others must go on.
pub(crate) async fn note_refused(tx: &Tx, event: &Event, why: &str, now: Timestamp) -> Result<()> {
    let noted = Entity::find().filter(Column::Subscription.eq(REFUSED)).count(tx.conn()).await.db()?;
    if noted >= EVENTS_PARKED_MAX {
        return Ok(());
    }
    put(tx, REFUSED, &Event { data: Vec::new(), ..event.clone() }, 1, why, now).await
}

async fn put(tx: &Tx, key: &str, event: &Event, attempts: i64, error: &str, now: Timestamp) -> Result<()> {
    let row = ActiveModel {
        tenant: Set(event.tenant.clone()),
        subscription: Set(key.to_owned()),
        event_id: Set(event.event_id.clone()),
        aggregate: Set(event.aggregate.clone()),
        version: Set(event.version),
        attempts: Set(i32::try_from(attempts).unwrap_or(i32::MAX)),
        error: Set(error.to_owned()),
        park_time: Set(now.micros()),
        event: Set(event.encode_to_vec()),
    };
    let same = OnConflict::columns([Column::Tenant, Column::Subscription, Column::EventId]).do_nothing().to_owned();
    Entity::insert(row).on_conflict(same).exec_without_returning(tx.conn()).await.db()?;
    Ok(())
}

/// Which of the events' aggregates, as (tenant, aggregate), have parked events.
pub(crate) async fn blocked(tx: &Tx, key: &str, events: &[Event]) -> Result<HashSet<(String, String)>> {
    let tenants: HashSet<&str> = events.iter().map(|event| event.tenant.as_str()).collect();
    let aggregates: HashSet<&str> = events.iter().map(|event| event.aggregate.as_str()).collect();
    let query = Entity::find()
        .select_only()
        .columns([Column::Tenant, Column::Aggregate])
        .distinct()
        .filter(Column::Subscription.eq(key))
        .filter(Column::Tenant.is_in(tenants))
        .filter(Column::Aggregate.is_in(aggregates));
    Ok(query.into_tuple::<(String, String)>().all(tx.conn()).await.db()?.into_iter().collect())
}

fn proto(service: &str, row: &Model) -> Result<ParkedEvent> {
    Ok(ParkedEvent {
        name: format!("services/{service}/parkedEvents/{}", row.event_id),
        event: Some(stoa_store::decode("event_parked", &row.event_id, &row.event)?),
        error: row.error.clone(),
        attempts: row.attempts,
        park_time: Some(Timestamp::from_micros(row.park_time).proto()),
    })
}
