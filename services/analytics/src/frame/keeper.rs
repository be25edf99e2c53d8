//! Keeps the frames of the tenants that ask, under a limit, and lets them catch
//! up by fold version before each answer.
//!
//! Rows are only added and their fold versions are in the order of commits, so
//! that all rows up to the head that was read are there and stay as they are:
//! pages read one after the other are one snapshot.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stoa_kernel::{Error, Result};
use stoa_store::Store;

use super::{
    Frame,
    build::{Builder, by_aggregate},
};
use crate::fold::store::{self, Folded};

/// Changed aggregates up to which a frame is changed and not built anew.
const CHANGED_MAX: u64 = 20_000;

/// A frame to answer from.
pub(crate) struct Ready {
    pub(crate) frame: Arc<Frame>,
    /// The frame is larger than the limit and was not kept.
    pub(crate) exceeded: bool,
}

/// The frames of this process.
pub(crate) struct Keeper {
    store: Store,
    bytes_max: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// Counts uses, to find the slot that was used longest ago.
    clock: u64,
    tenants: HashMap<String, Slot>,
}

#[derive(Default, Clone)]
struct Slot {
    used: u64,
    bytes: usize,
    /// Held while the frame catches up, so that it is read once.
    frame: Arc<tokio::sync::Mutex<Arc<Frame>>>,
}

impl Keeper {
    pub(crate) fn new(store: Store, bytes_max: usize) -> Self {
        Self { store, bytes_max, slots: Mutex::default() }
    }

    /// The tenant's frame with everything that was folded before this call.
    pub(crate) async fn ready(&self, tenant: &str) -> Result<Ready> {
        let slot = self.slot(tenant);
        let mut held = slot.lock().await;
        let head = store::head(self.store.read(), self.store.backend(), tenant).await?;
        let frame = if held.version < head { Arc::new(catch_up(&self.store, tenant, &held, head).await?) } else { held.clone() };
        let exceeded = frame.bytes() > self.bytes_max;
        *held = if exceeded { Arc::default() } else { frame.clone() };
        drop(held);
        self.account(tenant, if exceeded { 0 } else { frame.bytes() });
        Ok(Ready { frame, exceeded })
    }

    fn slot(&self, tenant: &str) -> Arc<tokio::sync::Mutex<Arc<Frame>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.clock += 1;
        let clock = slots.clock;
        let slot = slots.tenants.entry(tenant.to_owned()).or_default();
        slot.used = clock;
        slot.frame.clone()
    }

    /// Notes a frame's size and drops those used longest ago while all together
    /// are above the limit.
    fn account(&self, tenant: &str, bytes: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.tenants.get_mut(tenant) {
            slot.bytes = bytes;
        }
        while slots.tenants.values().map(|s| s.bytes).sum::<usize>() > self.bytes_max {
            let oldest = slots.tenants.iter().filter(|(t, _)| *t != tenant).min_by_key(|(_, s)| s.used).map(|(t, _)| t.clone());
            match oldest {
                Some(oldest) => slots.tenants.remove(&oldest),
                None => return,
            };
        }
    }
}

async fn catch_up(store: &Store, tenant: &str, base: &Arc<Frame>, head: i64) -> Result<Frame> {
    let changed = match base.version {
        0 => None,
        from => store::touched(store.read(), tenant, from, head, CHANGED_MAX).await?,
    };
    match changed {
        Some(names) => {
            let rows = store::chains(store.read(), tenant, head, &names).await?;
            let base = base.clone();
            if rows.is_empty() {
                return Ok(Frame { version: head, ..(*base).clone() });
            }
            blocking(move || {
                let mut builder = Builder::new(&base);
                by_aggregate(&rows).for_each(|rows| builder.aggregate(rows));
                builder.finish(head)
            })
            .await
        }
        None => build(store, tenant, head).await,
    }
}

/// A frame from all rows.
async fn build(store: &Store, tenant: &str, head: i64) -> Result<Frame> {
    let mut builder = Builder::new(&Frame::default());
    let mut rows: Vec<Folded> = Vec::new();
    loop {
        let page = store::page(store.read(), tenant, head, rows.last().map(|f| &f.row)).await?;
        let ended = page.is_empty();
        rows.extend(page);
        // The last aggregate may go on in the next page.
        let complete = if ended { rows.len() } else { last_start(&rows) };
        let rest = rows.split_off(complete);
        let whole = std::mem::replace(&mut rows, rest);
        builder = blocking(move || {
            by_aggregate(&whole).for_each(|rows| builder.aggregate(rows));
            builder
        })
        .await?;
        if ended {
            return blocking(move || builder.finish(head)).await;
        }
    }
}

/// Where the rows of the last aggregate start.
fn last_start(rows: &[Folded]) -> usize {
    let Some(last) = rows.last() else { return 0 };
    rows.iter().rposition(|f| f.row.aggregate != last.row.aggregate).map_or(0, |i| i + 1)
}

/// Work that takes a while, off the threads that answer.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
