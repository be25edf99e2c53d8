//! Assigns positions to committed events.

use std::sync::Arc;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Statement};
use stoa_kernel::Result;
use stoa_store::{
    DbResult, Store, Tx,
    lease::{self, Lease},
};
use tokio::sync::watch;

use crate::{cursor, entity::log, fence::Fence, log::EventLog};

/// Maximum number of events that one transaction assigns positions to.
const EVENTS_PER_RUN_MAX: i64 = 500;

/// Cursor row that holds the last position assigned. Its lock makes positions
/// gap-free, whoever believes it holds the lease.
const CURSOR: &str = "relay";

/// One statement, so that it sees one snapshot. Both databases accept the same
/// text.
const ASSIGN: &str = "UPDATE event_log SET position = numbered.position FROM (\
     SELECT seq, $1 + ROW_NUMBER() OVER (ORDER BY seq) AS position FROM (\
     SELECT seq FROM event_log WHERE position IS NULL ORDER BY seq LIMIT $2) AS waiting) AS numbered \
     WHERE event_log.seq = numbered.seq AND event_log.position IS NULL";

/// The relay of a service. Any number may run, but only one works.
pub struct Relay {
    store: Store,
    service: &'static str,
    fence: Fence,
    assigned: watch::Sender<u64>,
}

impl Relay {
    /// Creates the relay of the service that the store belongs to.
    #[must_use]
    pub fn new(store: Store, service: &'static str) -> Self {
        Self { fence: Fence::new(store.clone(), "events.relay"), store, service, assigned: watch::Sender::new(0) }
    }

    /// The log, which wakes its readers whenever this relay has assigned
    /// positions. Readers of a log created otherwise wake at every commit.
    #[must_use]
    pub fn event_log(&self) -> EventLog {
        EventLog::waking(self.store.clone(), self.service, self.assigned.subscribe())
    }

    /// Assigns positions to the next committed events. Returns how many.
    ///
    /// # Errors
    /// The errors of the store. The run can be repeated.
    pub async fn run_once(&self) -> Result<u64> {
        if !self.waiting().await? {
            return Ok(0);
        }
        let Some(lease) = self.fence.acquire().await? else { return Ok(0) };
        match self.store.write(lease, |tx, lease| Box::pin(assign(tx, lease))).await {
            Ok(count) => {
                self.assigned.send_modify(|n| *n += count);
                Ok(count)
            }
            Err(error) => {
                self.fence.forget().await;
                Err(error)
            }
        }
    }

    /// Number of committed events that wait for their position.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn lag(&self) -> Result<u64> {
        log::Entity::find().filter(log::Column::Position.is_null()).count(self.store.read()).await.db()
    }

    /// Lets another relay take over at once, at the end of a graceful stop.
    ///
    /// # Errors
    /// The errors of the store. The other relay then waits a few seconds.
    pub async fn release(&self) -> Result<()> {
        self.fence.release().await
    }

    async fn waiting(&self) -> Result<bool> {
        let query = log::Entity::find().select_only().column(log::Column::Seq).filter(log::Column::Position.is_null()).limit(1);
        Ok(query.into_tuple::<i64>().one(self.store.read()).await.db()?.is_some())
    }
}

async fn assign(tx: &Tx, lease: &Arc<Lease>) -> Result<u64> {
    lease::check(tx, lease).await?;
    let last = cursor::lock(tx, CURSOR).await?;
    let statement = Statement::from_sql_and_values(tx.backend(), ASSIGN, [last.into(), EVENTS_PER_RUN_MAX.into()]);
    let count = tx.conn().execute_raw(statement).await.db()?.rows_affected();
    cursor::set(tx, CURSOR, last.saturating_add_unsigned(count)).await?;
    Ok(count)
}
