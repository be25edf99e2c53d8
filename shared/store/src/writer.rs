//! The SQLite writer: one task owns the only connection that writes. It runs
//! the waiting operations as one transaction, with a savepoint each, and
//! answers after the commit: one wait for the disk serves all of them. It never
//! waits for more operations.

use std::{any::Any, path::PathBuf, slice};

use futures::{FutureExt, future::BoxFuture};
use sea_orm::{DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use stoa_kernel::{Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    task,
};
use tracing::{Instrument, Span};

use crate::{DbResult, StoreConfig, Tx, connect};

enum Command {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// The operations that wait for the writer.
pub(crate) struct Queue {
    commands: mpsc::Sender<Command>,
    task: task::Id,
}

impl Queue {
    pub(crate) fn start(path: PathBuf, config: &StoreConfig, conn: DatabaseConnection, commits: watch::Sender<u64>) -> Self {
        let (commands, waiting) = mpsc::channel(config.queue_operations_max);
        let writer = Writer { path, config: config.clone(), conn: Some(conn), commits };
        let task = tokio::spawn(writer.run(waiting)).id();
        Self { commands, task }
    }

    pub(crate) async fn submit<A, T, F>(&self, args: A, op: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx, &'a A) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        if task::try_id() == Some(self.task) {
            // It would wait for itself forever.
            return Err(Error::internal("a write inside a write. Pass the transaction down."));
        }
        let (caller, answer) = oneshot::channel();
        let job = Operation { args, op, span: Span::current(), outcome: None, caller };
        match self.commands.try_send(Command::Run(Box::new(job))) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(Error::unavailable("the writer stopped"))),
            Err(TrySendError::Closed(_)) => Err(closed()),
            Err(TrySendError::Full(_)) => {
                let message = "too many writes are waiting. Retry after the time given.";
                Err(Error::new(Kind::ResourceExhausted, ErrorReason::Overloaded, message).retry_after_ms(100))
            }
        }
    }

    pub(crate) fn require_open(&self) -> Result<()> {
        if self.commands.is_closed() { Err(closed()) } else { Ok(()) }
    }

    pub(crate) async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // An error means that the writer ended with its runtime: it is closed.
            wait.await.unwrap_or_default();
        }
    }
}

fn closed() -> Error {
    Error::unavailable("the store is closed")
}

/// An operation with its types hidden.
trait Job: Send {
    /// Whether nobody waits for the answer anymore.
    fn canceled(&self) -> bool;

    /// Runs the operation and keeps its outcome. Returns whether to keep its
    /// writes.
    fn run<'a>(&'a mut self, tx: &'a Tx) -> BoxFuture<'a, bool>;

    /// Sends the outcome to the caller, or `failure` if it was not committed.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct Operation<A, T, F> {
    args: A,
    op: F,
    span: Span,
    outcome: Option<Result<T>>,
    caller: oneshot::Sender<Result<T>>,
}

impl<A, T, F> Job for Operation<A, T, F>
where
    A: Send + Sync,
    T: Send,
    F: for<'a> Fn(&'a Tx, &'a A) -> BoxFuture<'a, Result<T>> + Send + Sync,
{
    fn canceled(&self) -> bool {
        self.caller.is_closed()
    }

    fn run<'a>(&'a mut self, tx: &'a Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Self { args, op, span, outcome, caller } = self;
            let work = guarded(async {
                let done = op(tx, args).await?;
                tx.finish().await.map(|()| done)
            });
            let work = work.instrument(span.clone());
            *outcome = tokio::select! {
                biased;
                () = caller.closed() => None,
                done = work => Some(done),
            };
            matches!(outcome, Some(Ok(_))) && !caller.is_closed()
        })
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let outcome = match (self.outcome, failure) {
            (None | Some(Ok(_)), Some(failure)) => Err(failure),
            (Some(outcome), _) => outcome,
            (None, None) => return,
        };
        // A caller that has left does not need the answer.
        self.caller.send(outcome).unwrap_or_default();
    }
}

/// Runs an operation and turns a panic into a failure.
pub(crate) async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    std::panic::AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("an operation panicked: {}", text.unwrap_or("no message")))
}

/// Why a group was not committed.
enum Failure {
    /// No transaction could be started: no operation has run.
    Begin(Error),
    /// The transaction failed, perhaps because of one operation.
    Commit(Error),
}

struct Writer {
    path: PathBuf,
    config: StoreConfig,
    /// `None` after a transaction broke: the next group gets a new connection.
    conn: Option<DatabaseConnection>,
    commits: watch::Sender<u64>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut waiting = Vec::with_capacity(self.config.group_max);
        let mut closing = Vec::new();
        while queue.recv_many(&mut waiting, self.config.group_max).await > 0 {
            let mut group = Vec::with_capacity(waiting.len());
            for command in waiting.drain(..) {
                match command {
                    Command::Run(job) => group.push(job),
                    Command::Close(done) => {
                        queue.close();
                        closing.push(done);
                    }
                }
            }
            self.serve(group).await;
        }
        self.disconnect().await;
        for done in closing {
            done.send(()).unwrap_or_default();
        }
    }

    async fn serve(&mut self, mut group: Vec<Box<dyn Job>>) {
        group.retain(|job| !job.canceled());
        if group.is_empty() {
            return;
        }
        match self.commit(&mut group).await {
            // A fault of one operation, for example a constraint checked at
            // commit, must not fail its neighbors: each gets its own
            // transaction.
            Err(Failure::Commit(_)) if group.len() > 1 => {
                for mut job in group {
                    let failure = self.commit(slice::from_mut(&mut job)).await.err();
                    job.answer(failure.map(Failure::into_error));
                }
            }
            outcome => {
                let failure = outcome.err().map(Failure::into_error);
                for job in group {
                    job.answer(failure.clone());
                }
            }
        }
    }

    async fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        match self.attempt(group).await {
            Ok(kept) => {
                if kept {
                    self.commits.send_modify(|n| *n += 1);
                }
                Ok(())
            }
            Err(failure) => {
                // The driver's count of open transactions may be wrong now.
                self.disconnect().await;
                Err(failure)
            }
        }
    }

    /// Runs a group in one transaction. Returns whether anything was written.
    async fn attempt(&mut self, group: &mut [Box<dyn Job>]) -> Result<bool, Failure> {
        let conn = self.connection().await.map_err(Failure::Begin)?;
        // IMMEDIATE, because a transaction that reads before it writes would
        // fail at once, without a retry, if another process wrote in between.
        let immediate = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
        let outer = conn.begin_with_options(immediate).await.db().map_err(Failure::Begin)?;
        let mut kept = false;
        for job in group {
            if job.canceled() {
                continue;
            }
            let tx = Tx::new(outer.begin().await.db().map_err(Failure::Commit)?);
            let keep = job.run(&tx).await;
            let ended = if keep { tx.commit().await } else { tx.rollback().await };
            ended.map_err(Failure::Commit)?;
            kept |= keep;
        }
        outer.commit().await.db().map_err(Failure::Commit)?;
        Ok(kept)
    }

    async fn connection(&mut self) -> Result<&DatabaseConnection> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => connect::sqlite_writer(&self.path, &self.config).await?,
        };
        Ok(self.conn.insert(conn))
    }

    async fn disconnect(&mut self) {
        if let Some(conn) = self.conn.take()
            && let Err(e) = conn.close().await
        {
            tracing::warn!(error = %e, "the writer's connection did not close cleanly");
        }
    }
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Self::Begin(e) | Self::Commit(e) => e,
        }
    }
}
