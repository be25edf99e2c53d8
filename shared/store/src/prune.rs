//! Deletes rows that are no longer needed, a limited number at a time.

use sea_orm::{ConnectionTrait, Statement};
use stoa_kernel::{Result, Timestamp};

use crate::{DbResult, Store, Tx};

/// Deletes request IDs from before an instant of wall time, at most `rows_max`,
/// oldest first. Returns how many. Fewer than `rows_max` means that none is
/// left.
///
/// # Errors
/// As for [`Store::write`].
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
