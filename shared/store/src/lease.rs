//! Leases: work that one process does at a time. A lease is a row with an epoch
//! and an end, by the database's clock. Every protected write checks it in its
//! own transaction, so that a process that slept past the end of its lease
//! writes nothing.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use stoa_kernel::{Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;

use crate::{DbResult, Store, Tx};

/// A lease that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    name: String,
    holder: String,
    epoch: i64,
}

impl Lease {
    /// The name of what is leased.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that rises whenever a free lease is granted.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// Microseconds since 1970 by the database's clock, also inside a transaction.
const fn now(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
        _ => "CAST(unixepoch('subsec') * 1000000 AS integer)",
    }
}

/// Takes a free lease, or extends the holder's own. Returns `None` if another
/// holder has it. `holder` names one process: two processes with the same name
/// would share the lease.
///
/// # Errors
/// As for [`Store::write`].
pub async fn acquire(store: &Store, name: &str, holder: &str, ttl_ms: u64) -> Result<Option<Lease>> {
    let ttl = i64::try_from(ttl_ms).unwrap_or(i64::MAX / 1_000_000).saturating_mul(1000).min(i64::MAX / 4);
    let args = (name.to_owned(), holder.to_owned(), ttl);
    store.write(args, |tx, (name, holder, ttl)| Box::pin(take(tx, name, holder, *ttl))).await
}

async fn take(tx: &Tx, name: &str, holder: &str, ttl: i64) -> Result<Option<Lease>> {
    let now = now(tx.backend());
    let sql = format!(
        "INSERT INTO lease (name, holder, epoch, expire_time) VALUES ($1, $2, 1, {now} + $3) \
         ON CONFLICT (name) DO UPDATE SET \
         epoch = lease.epoch + CASE WHEN lease.expire_time > {now} THEN 0 ELSE 1 END, \
         holder = excluded.holder, expire_time = excluded.expire_time \
         WHERE lease.holder = excluded.holder OR lease.expire_time <= {now} \
         RETURNING epoch"
    );
    let values = [name.into(), holder.into(), ttl.into()];
    let row = tx.conn().query_one_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await.db()?;
    let epoch = row.map(|row| row.try_get_by_index::<i64>(0)).transpose().db()?;
    Ok(epoch.map(|epoch| Lease { name: name.to_owned(), holder: holder.to_owned(), epoch }))
}

/// Fences a write: checks that the lease is still held, and keeps it from being
/// taken over before the transaction ends.
///
/// # Errors
/// ABORTED if the lease has ended or another process took it.
pub async fn check(tx: &Tx, lease: &Lease) -> Result<()> {
    let now = now(tx.backend());
    let lock = if tx.backend() == DbBackend::Postgres { " FOR SHARE" } else { "" };
    let sql = format!("SELECT epoch FROM lease WHERE name = $1 AND holder = $2 AND epoch = $3 AND expire_time > {now}{lock}");
    let held = tx.conn().query_one_raw(Statement::from_sql_and_values(tx.backend(), sql, values(lease))).await.db()?;
    match held {
        Some(_) => Ok(()),
        None => Err(Error::new(Kind::Aborted, ErrorReason::StateInvalid, format!("the lease {} has ended. Acquire it again.", lease.name))),
    }
}

/// Gives a lease back before it ends. Does nothing if it is no longer held.
///
/// # Errors
/// As for [`Store::write`].
pub async fn release(store: &Store, lease: &Lease) -> Result<()> {
    store.write(lease.clone(), |tx, lease| Box::pin(give_back(tx, lease))).await
}

async fn give_back(tx: &Tx, lease: &Lease) -> Result<()> {
    let sql = "UPDATE lease SET expire_time = 0 WHERE name = $1 AND holder = $2 AND epoch = $3";
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values(lease))).await.db()?;
    Ok(())
}

fn values(lease: &Lease) -> [sea_orm::Value; 3] {
    [lease.name.as_str().into(), lease.holder.as_str().into(), lease.epoch.into()]
}
