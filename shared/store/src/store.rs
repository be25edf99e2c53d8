//! The store: one handle for both backends.

use std::{fmt, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use prost::{Message, Name};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Value, sea_query::UpdateStatement};
use sea_orm_migration::MigrationTrait;
use stoa_kernel::{Cx, Result};
use stoa_proto::Mutation;
use tokio::sync::watch;

use crate::{
    AppendTable, DbResult, StoreConfig,
    at_end::AtEnd,
    config::Target,
    connect,
    held::Held,
    migration::{self, Migrator},
    once, postgres,
    writer::Queue,
};

/// A store. Clones share connections and the writer.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    config: StoreConfig,
    read: DatabaseConnection,
    backend: Backend,
    commits: watch::Sender<u64>,
}

enum Backend {
    /// All writes go through one task.
    Sqlite(Queue),
    /// Every write takes a connection from the pool.
    Postgres,
}

impl Store {
    /// Opens a store. A SQLite file is created if there is none, without
    /// tables.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming the setting, UNAVAILABLE if the database cannot
    /// be reached. Nothing is left open.
    pub async fn open(config: &StoreConfig) -> Result<Self> {
        let commits = watch::Sender::new(0);
        let (read, backend) = match config.target()? {
            Target::Postgres => (connect::postgres(config).await?, Backend::Postgres),
            Target::Sqlite(path) => {
                let writer = connect::sqlite_writer(&path, config).await?;
                let readers = connect::sqlite_readers(&path, config).await;
                if readers.is_err() {
                    writer.close_by_ref().await.db()?;
                }
                (readers?, Backend::Sqlite(Queue::start(path, config, writer, commits.clone())))
            }
        };
        Ok(Self(Arc::new(Inner { config: config.clone(), read, backend, commits })))
    }

    /// Applies the migrations that the store does not have yet, in order: this
    /// crate's own, then `migrations`. Always pass all of them: a migration
    /// that was applied and is not passed means that the program is older than
    /// its store.
    ///
    /// On SQLite, all of them are one transaction. On PostgreSQL, each is one,
    /// under a lock that concurrent callers wait for.
    ///
    /// # Errors
    /// INTERNAL if a migration fails or is missing, UNAVAILABLE if the database
    /// cannot be reached.
    pub async fn migrate(&self, migrations: Vec<Box<dyn MigrationTrait>>) -> Result<()> {
        let migrator = Migrator::new(migrations)?;
        match &self.0.backend {
            Backend::Sqlite(_) => self.write(migrator, |tx, migrator| Box::pin(migrator.apply(tx.conn()))).await,
            Backend::Postgres => migration::on_postgres(&self.0.config, &migrator).await,
        }
    }

    /// Connections for reading. On SQLite they refuse writes. No read
    /// transaction may outlive one page.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.0.read
    }

    /// The kind of database.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.0.read.get_database_backend()
    }

    /// Runs an operation in a write transaction and returns after its commit.
    /// An operation that fails, panics or has lost its caller leaves nothing
    /// behind.
    ///
    /// # Errors
    /// The operation's own failure. ABORTED `CONTENTION`, RESOURCE_EXHAUSTED
    /// `OVERLOADED` or UNAVAILABLE, to be retried. INTERNAL if it panicked.
    /// After UNAVAILABLE it is unknown whether it was committed.
    pub async fn write<A, T, F>(&self, args: A, op: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx, &'a A) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(queue) => queue.submit(args, op).await,
            Backend::Postgres => {
                let done = postgres::write(&self.0.read, &args, &op).await?;
                self.0.commits.send_modify(|n| *n += 1);
                Ok(done)
            }
        }
    }

    /// Like [`Store::write`], for what a service does on its own.
    ///
    /// # Errors
    /// As for [`Store::write`].
    pub async fn run<R, T, F>(&self, cx: &Cx, given: R, op: F) -> Result<T>
    where
        R: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Operation<'a, R, T> + Send + Sync + 'static,
    {
        self.write((cx.clone(), given), move |tx, (cx, given)| op(tx, cx, given).boxed()).await
    }

    /// Like [`Store::write`], but a request that has a request ID is done once:
    /// the same request again gets the first answer. Failures are not kept.
    ///
    /// # Errors
    /// ALREADY_EXISTS `REQUEST_ID_REUSED` if the ID was used with another
    /// request; otherwise as for [`Store::write`].
    pub async fn write_once<R, T, F>(&self, cx: &Cx, request: R, op: F) -> Result<T>
    where
        R: Message + Mutation + Send + Sync + 'static,
        T: Message + Name + Default + Send + 'static,
        F: for<'a> Operation<'a, R, T> + Send + Sync + 'static,
    {
        if request.request_id().is_empty() {
            return self.run(cx, request, op).await;
        }
        self.write(once::Once::new(cx, request, op), |tx, once| once.run(tx).boxed()).await
    }

    /// Like [`Store::write_once`], with what was looked up before the
    /// transaction, because another service may have to be asked. A failure of
    /// the look-up is returned inside the transaction: a retry of a request
    /// that was answered gets that answer, whatever has changed since.
    ///
    /// # Errors
    /// The failure in `known`; otherwise as for [`Store::write_once`].
    pub async fn write_with<R, K, T, F>(&self, cx: &Cx, request: R, known: Result<K>, op: F) -> Result<T>
    where
        R: Message + Mutation + Send + Sync + 'static,
        K: Send + Sync + 'static,
        T: Message + Name + Default + Send + 'static,
        F: for<'a> OperationWith<'a, R, K, T> + Send + Sync + 'static,
    {
        if request.request_id().is_empty() {
            let known = known?;
            return self.write((cx.clone(), request, known), move |tx, (cx, request, known)| op(tx, cx, request, known).boxed()).await;
        }
        self.write(once::OnceWith::new(cx, request, known, op), |tx, once| once.run(tx).boxed()).await
    }

    /// A value that changes after every commit of this process.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.subscribe()
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// UNAVAILABLE if it does not.
    pub async fn ping(&self) -> Result<()> {
        if let Backend::Sqlite(queue) = &self.0.backend {
            queue.require_open()?;
        }
        self.0.read.ping().await.db()
    }

    /// Finishes the waiting writes, then closes all connections.
    pub async fn close(&self) {
        if let Backend::Sqlite(queue) = &self.0.backend {
            queue.close().await;
        }
        if let Err(e) = self.0.read.close_by_ref().await {
            tracing::warn!(error = %e, "the store did not close cleanly");
        }
    }
}

/// An operation: an async function of a transaction, the caller's context and a
/// request.
pub trait Operation<'a, R: 'a, T>: Fn(&'a Tx, &'a Cx, &'a R) -> Self::Done {
    /// The future of the operation.
    type Done: Future<Output = Result<T>> + Send + 'a;
}

impl<'a, R: 'a, T, D, F> Operation<'a, R, T> for F
where
    F: Fn(&'a Tx, &'a Cx, &'a R) -> D,
    D: Future<Output = Result<T>> + Send + 'a,
{
    type Done = D;
}

/// Like [`Operation`], with what was looked up before the transaction.
pub trait OperationWith<'a, R: 'a, K: 'a, T>: Fn(&'a Tx, &'a Cx, &'a R, &'a K) -> Self::Done {
    /// The future of the operation.
    type Done: Future<Output = Result<T>> + Send + 'a;
}

impl<'a, R: 'a, K: 'a, T, D, F> OperationWith<'a, R, K, T> for F
where
    F: Fn(&'a Tx, &'a Cx, &'a R, &'a K) -> D,
    D: Future<Output = Result<T>> + Send + 'a,
{
    type Done = D;
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.config).finish()
    }
}

/// The transaction of one operation.
#[derive(Debug)]
pub struct Tx {
    transaction: DatabaseTransaction,
    held: Held,
    at_end: AtEnd,
}

impl Tx {
    pub(crate) fn new(transaction: DatabaseTransaction) -> Self {
        Self { transaction, held: Held::default(), at_end: AtEnd::default() }
    }

    /// From now on, documents and rows of [`upsert`](crate::upsert) wait until
    /// [`Tx::write_held`] or the end of the operation. Then all rows of a table are
    /// written in one statement. Locking a document writes them, too. Other
    /// queries do not see them: a batch reads first.
    pub fn hold_rows(&self) {
        self.held.start();
    }

    /// Writes the rows that wait, before a query that has to see them.
    ///
    /// # Errors
    /// As writing each of them.
    pub async fn write_held(&self) -> Result<()> {
        self.held.write(&self.transaction).await
    }

    pub(crate) const fn held(&self) -> &Held {
        &self.held
    }

    /// Adds a row to a table when the operation is done, together with all
    /// others. `about` names the object of the row, for the failure if a unique
    /// key is taken: ABORTED `ETAG_MISMATCH`.
    pub fn append(&self, table: &'static AppendTable, about: &str, values: Vec<Value>) {
        self.at_end.append(table, about, values);
    }

    /// Keeps an answer when the operation is done.
    pub(crate) fn answer(&self, update: UpdateStatement) {
        self.at_end.answer(update);
    }

    /// Writes what the operation left for its end.
    pub(crate) async fn finish(&self) -> Result<()> {
        self.write_held().await?;
        self.at_end.write(&self.transaction).await
    }

    /// The connection for queries.
    #[must_use]
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// The kind of database.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.transaction.commit().await.db()
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        self.transaction.rollback().await.db()
    }
}
