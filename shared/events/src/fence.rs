//! A lease that is kept between runs.

use std::sync::Arc;

use stoa_kernel::{Result, Timestamp, clock::wall_now, ids};
use stoa_store::{
    Store,
    lease::{self, Lease},
};
use tokio::sync::Mutex;

/// How long a holder that has stopped keeps others out.
const TTL_MS: u64 = 5_000;
/// How long a lease is reused from memory.
const FRESH_MICROS: i64 = 2_000_000;

/// The right to be the only one that does something in a store, as far as
/// possible. In addition, the holder's writes check the epoch of the lease.
pub(crate) struct Fence {
    store: Store,
    name: &'static str,
    holder: String,
    held: Mutex<Option<(Arc<Lease>, Timestamp)>>,
}

impl Fence {
    pub(crate) fn new(store: Store, name: &'static str) -> Self {
        Self { store, name, holder: ids::new_id(), held: Mutex::new(None) }
    }

    /// Returns the lease, or `None` while another holder has it. For some time
    /// the lease is reused from memory, so that a run costs no write of its
    /// own.
    pub(crate) async fn acquire(&self) -> Result<Option<Arc<Lease>>> {
        let mut held = self.held.lock().await;
        let now = wall_now();
        if let Some((lease, until)) = held.as_ref()
            && now < *until
        {
            return Ok(Some(lease.clone()));
        }
        *held = None;
        let Some(lease) = lease::acquire(&self.store, self.name, &self.holder, TTL_MS).await? else { return Ok(None) };
        let lease = Arc::new(lease);
        *held = Some((lease.clone(), now.plus_micros(FRESH_MICROS)));
        Ok(Some(lease))
    }

    /// Forgets the lease after a write under its protection failed.
    pub(crate) async fn forget(&self) {
        *self.held.lock().await = None;
    }

    /// Gives the lease back, so that another holder need not wait for its end.
    pub(crate) async fn release(&self) -> Result<()> {
        let held = self.held.lock().await.take();
        match held {
            Some((lease, _)) => lease::release(&self.store, &lease).await,
            None => Ok(()),
        }
    }
}
