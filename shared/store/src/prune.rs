//! Deleting what has served its time, a bounded number of rows at a time.

use sea_orm::{ConnectionTrait, Statement};
use stoa_kernel::{Result, Timestamp};

use crate::{DbResult, Store, Tx};

/// Forgets request ids from before an instant of wall time, at most `rows_max`,
/// the oldest first; how many. Less than `rows_max` means that none is left.
///
/// # Errors
/// As [`Store::write`].
pub async fn idempotency(store: &Store, older_than: Timestamp, rows_max: u64) -> Result<u64> {
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    store.write((older_than, rows_max), |tx, (older_than, rows_max)| Box::pin(forget(tx, *older_than, *rows_max))).await
}

async fn forget(tx: &Tx, older_than: Timestamp, rows_max: i64) -> Result<u64> {
    let sql = "DELETE FROM idempotency WHERE (tenant, subject, method, request_id) IN \
         (SELECT tenant, subject, method, request_id FROM idempotency WHERE create_time < $1 ORDER BY create_time LIMIT $2)";
    let values = [older_than.micros().into(), rows_max.into()];
    let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await.db()?;
    Ok(done.rows_affected())
}
