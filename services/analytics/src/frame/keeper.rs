//! Keeps the frames of recently used tenants within a memory limit, and lets them
//! catch up by fold version before each answer.
//!
//! Rows are only added, and their fold versions are in commit order. All rows up
//! to the head that was read therefore exist and no longer change, so pages read
//! one after another form one snapshot.
//!
//! A frame above the limit is built for one answer and not kept. Such answers take
//! turns, so that no two of these frames are in memory at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stoa_kernel::{Error, Result};
use stoa_proto::analytics::v1::FoldedPosition;
use stoa_store::Store;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::{
    Frame,
    build::{Builder, by_aggregate},
};
use crate::fold::store::{self, Folded};

/// Maximum number of changed aggregates for which a frame is updated rather than
/// rebuilt.
const AGGREGATES_PER_CATCH_UP_MAX: u64 = 20_000;

/// A frame to answer from. Must be kept for as long as the frame is in use.
pub(crate) struct Ready {
    pub(crate) frame: Arc<Frame>,
    /// How far the frame goes, as the caller sees it. Filled in for answers.
    pub(crate) positions: Vec<FoldedPosition>,
    turn: Option<Turn>,
}

/// Permit for the one frame above the limit.
type Turn = OwnedSemaphorePermit;

/// A tenant's frame. It is locked while it catches up, so that the rows are read
/// only once.
type Shared = Arc<tokio::sync::Mutex<Arc<Frame>>>;

/// The frames of this process.
pub(crate) struct Keeper {
    store: Store,
    bytes_max: usize,
    slots: Mutex<Slots>,
    turns: Arc<Semaphore>,
}

#[derive(Default)]
struct Slots {
    /// Counts uses, to find the least recently used slot.
    clock: u64,
    tenants: HashMap<String, Slot>,
}

#[derive(Default, Clone)]
struct Slot {
    used: u64,
    bytes: usize,
    frame: Shared,
}

impl Ready {
    /// Whether the frame is larger than the limit and was not kept.
    pub(crate) const fn exceeded(&self) -> bool {
        self.turn.is_some()
    }
}

impl Keeper {
    pub(crate) fn new(store: Store, bytes_max: usize) -> Self {
        Self { store, bytes_max, slots: Mutex::default(), turns: Arc::new(Semaphore::new(1)) }
    }

    /// Returns the tenant's frame with everything that was folded before this call.
    ///
    /// A frame continues to catch up if the caller goes away, so that a request that
    /// misses its deadline does not make the next one start over.
    pub(crate) async fn ready(self: &Arc<Self>, tenant: &str) -> Result<Ready> {
        let held = self.slot(tenant).lock_owned().await;
        let head = store::head(self.store.read(), tenant).await?;
        if held.version >= head {
            return Ok(Ready { frame: held.clone(), positions: Vec::new(), turn: None });
        }
        let (keeper, tenant) = (self.clone(), tenant.to_owned());
        let work = tokio::spawn(async move { keeper.advance(&tenant, held, head).await });
        work.await.map_err(Error::internal)?
    }

    /// Brings a frame up to the head and keeps it if it fits.
    async fn advance(&self, tenant: &str, mut held: OwnedMutexGuard<Arc<Frame>>, head: i64) -> Result<Ready> {
        let (frame, mut turn) = self.catch_up(tenant, &held, head).await?;
        let frame = Arc::new(frame);
        if frame.bytes <= self.bytes_max {
            turn = None;
        } else if turn.is_none() {
            turn = Some(self.turn().await?);
        }
        *held = if turn.is_some() { Arc::default() } else { frame.clone() };
        drop(held);
        self.account(tenant, if turn.is_some() { 0 } else { frame.bytes });
        Ok(Ready { frame, positions: Vec::new(), turn })
    }

    async fn turn(&self) -> Result<Turn> {
        self.turns.clone().acquire_owned().await.map_err(Error::internal)
    }

    fn slot(&self, tenant: &str) -> Shared {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.clock += 1;
        let clock = slots.clock;
        let slot = slots.tenants.entry(tenant.to_owned()).or_default();
        slot.used = clock;
        slot.frame.clone()
    }

    /// Records a frame's size and drops the least recently used frames while the
    /// total is above the limit.
    fn account(&self, tenant: &str, bytes: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.tenants.get_mut(tenant) {
            slot.bytes = bytes;
        }
        while slots.tenants.values().map(|s| s.bytes).sum::<usize>() > self.bytes_max {
            let kept = slots.tenants.iter().filter(|(t, s)| *t != tenant && s.bytes > 0);
            match kept.min_by_key(|(_, s)| s.used).map(|(t, _)| t.clone()) {
                Some(oldest) => slots.tenants.remove(&oldest),
                None => return,
            };
        }
    }

    async fn catch_up(&self, tenant: &str, base: &Arc<Frame>, head: i64) -> Result<(Frame, Option<Turn>)> {
        let changed = match base.version {
            0 => None,
            from => store::touched(self.store.read(), tenant, from, head, AGGREGATES_PER_CATCH_UP_MAX).await?,
        };
        let Some(names) = changed else { return self.build(tenant, head).await };
        let rows = store::chains(self.store.read(), tenant, head, &names).await?;
        let base = base.clone();
        if rows.is_empty() {
            return Ok((Frame { version: head, ..(*base).clone() }, None));
        }
        let work = move || {
            let mut builder = Builder::new(&base);
            by_aggregate(&rows).try_for_each(|rows| builder.aggregate(rows))?;
            Ok::<Frame, Error>(builder.finish(head))
        };
        Ok((blocking(work).await??, None))
    }

    /// Builds a frame from all rows. It waits for its turn as soon as it exceeds the
    /// limit, so that a waiting build holds little more than the limit in memory.
    async fn build(&self, tenant: &str, head: i64) -> Result<(Frame, Option<Turn>)> {
        let mut builder = Builder::new(&Frame::default());
        let mut rows: Vec<Folded> = Vec::new();
        let mut turn = None;
        loop {
            let page = store::page(self.store.read(), tenant, head, rows.last().map(|f| &f.row)).await?;
            let ended = page.is_empty();
            rows.extend(page);
            // The last aggregate may continue on the next page.
            let complete = if ended { rows.len() } else { last_start(&rows) };
            let rest = rows.split_off(complete);
            let whole = std::mem::replace(&mut rows, rest);
            builder = blocking(move || {
                by_aggregate(&whole).try_for_each(|rows| builder.aggregate(rows))?;
                Ok::<Builder, Error>(builder)
            })
            .await??;
            if turn.is_none() && builder.bytes() > self.bytes_max {
                turn = Some(self.turn().await?);
            }
            if ended {
                return Ok((blocking(move || builder.finish(head)).await?, turn));
            }
        }
    }
}

/// Index at which the rows of the last aggregate start.
fn last_start(rows: &[Folded]) -> usize {
    let Some(last) = rows.last() else { return 0 };
    rows.iter().rposition(|f| f.row.aggregate != last.row.aggregate).map_or(0, |i| i + 1)
}

/// Runs long work off the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

#[cfg(test)]
mod tests;
