//! Writes on PostgreSQL: a transaction per operation, run again if the database
//! aborted it in favor of another.

use std::time::Duration;

use futures::future::BoxFuture;
use sea_orm::{DatabaseConnection, TransactionTrait};
use stoa_kernel::Result;

use crate::{DbResult, Tx, errors::is_contention, writer::guarded};

const RETRIES_MAX: u32 = 5;
const PAUSE_MS: u64 = 8;

pub(crate) async fn write<A, T, F>(conn: &DatabaseConnection, args: &A, op: &F) -> Result<T>
where
    F: for<'a> Fn(&'a Tx, &'a A) -> BoxFuture<'a, Result<T>>,
{
    let mut retries = 0;
    loop {
        match attempt(conn, args, op).await {
            Err(e) if is_contention(&e) && retries < RETRIES_MAX => {
                pause(retries).await;
                retries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// If the caller goes away, the transaction is dropped, which rolls it back.
async fn attempt<A, T, F>(conn: &DatabaseConnection, args: &A, op: &F) -> Result<T>
where
    F: for<'a> Fn(&'a Tx, &'a A) -> BoxFuture<'a, Result<T>>,
{
    let tx = Tx::new(conn.begin().await.db()?);
    match guarded(async {
        let done = op(&tx, args).await?;
        tx.finish().await.map(|()| done)
    })
    .await
    {
        Ok(done) => tx.commit().await.map(|()| done),
        Err(e) => {
            if let Err(e) = tx.rollback().await {
                tracing::warn!(error = %e, "a transaction did not roll back; it ends with its connection");
            }
            Err(e)
        }
    }
}

/// Waits twice as long each time, with jitter, so that operations that collided
/// do not collide again.
async fn pause(retries: u32) {
    let base = PAUSE_MS << retries;
    #[expect(clippy::disallowed_methods, reason = "back-off between attempts")]
    tokio::time::sleep(Duration::from_millis(rand::random_range(base / 2..=base * 3 / 2))).await;
}
