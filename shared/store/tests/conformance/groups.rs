//! Group commit of SQLite: one commit for all waiting operations, and no
//! operation pays for another.

use std::sync::Arc;

use sea_orm::ConnectionTrait;
use stoa_kernel::{Error, Kind, Result};
use stoa_store::{DbResult, Store};
use tokio::{sync::Notify, task::JoinHandle};

use crate::support::{Database, ids, insert, item, migrations, put, sqlite};

async fn database() -> Database {
    let db = sqlite(|config| config.queue_operations_max = 8).await;
    db.store.migrate(migrations()).await.unwrap();
    db
}

/// Keeps the writer busy until it is notified.
async fn busy(store: &Store) -> (JoinHandle<Result<()>>, Arc<Notify>) {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (store, args) = (store.clone(), (started.clone(), go.clone()));
    let task = tokio::spawn(async move {
        let op = store.write(args, |_, (started, go)| {
            Box::pin(async move {
                started.notify_one();
                go.notified().await;
                Ok(())
            })
        });
        op.await
    });
    started.notified().await;
    (task, go)
}

/// Starts a write and returns once it waits for the writer.
async fn queued(write: impl Future<Output = Result<()>> + Send + 'static) -> JoinHandle<Result<()>> {
    let task = tokio::spawn(write);
    tokio::task::yield_now().await;
    task
}

fn write(db: &Database, id: &'static str) -> impl Future<Output = Result<()>> + Send + 'static {
    let store = db.store.clone();
    async move { put(&store, item(id)).await }
}

#[tokio::test]
async fn waiting_writes_share_a_commit() {
    let db = database().await;
    let before = *db.store.commits().borrow();
    let (first, go) = busy(&db.store).await;
    let mut tasks = vec![first];
    for id in ["a", "b", "c", "d"] {
        tasks.push(queued(write(&db, id)).await);
    }
    go.notify_one();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ids(&db.store).await.len(), 4);
    assert_eq!(*db.store.commits().borrow() - before, 2);
}

#[tokio::test]
async fn neighbors_of_a_failure_are_kept() {
    let db = database().await;
    let (first, go) = busy(&db.store).await;
    let fails = {
        let store = db.store.clone();
        async move {
            let op = store.write(item("failed"), |tx, item| {
                Box::pin(async move {
                    insert(tx, item).await?;
                    // A failed statement, then the operation's own failure.
                    insert(tx, item).await.unwrap_err();
                    Err(Error::state("items/x", "new", "old"))
                })
            });
            op.await
        }
    };
    let panics = {
        let store = db.store.clone();
        async move { store.write((), |_, ()| Box::pin(async { panic!("as the test wants it") })).await }
    };
    let a = queued(write(&db, "a")).await;
    let failed = queued(fails).await;
    let b = queued(write(&db, "b")).await;
    let canceled = queued(write(&db, "canceled")).await;
    let panicked = queued(panics).await;
    let c = queued(write(&db, "c")).await;
    canceled.abort();
    tokio::task::yield_now().await;
    go.notify_one();
    for task in [first, a, b, c] {
        task.await.unwrap().unwrap();
    }
    assert_eq!(failed.await.unwrap().unwrap_err().reason(), "STATE_INVALID");
    assert_eq!(panicked.await.unwrap().unwrap_err().kind(), Kind::Internal);
    assert_eq!(ids(&db.store).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_group_that_cannot_commit_is_run_one_by_one() {
    let db = database().await;
    let (first, go) = busy(&db.store).await;
    let late = {
        let store = db.store.clone();
        async move {
            let sql = "INSERT INTO late VALUES ('t', 'none')";
            store.write((), move |tx, ()| Box::pin(async move { tx.conn().execute_unprepared(sql).await.db().map(|_| ()) })).await
        }
    };
    let ends = {
        let store = db.store.clone();
        async move { store.write((), |tx, ()| Box::pin(async { tx.conn().execute_unprepared("ROLLBACK").await.db().map(|_| ()) })).await }
    };
    let a = queued(write(&db, "a")).await;
    let late = queued(late).await;
    let ended = queued(ends).await;
    let b = queued(write(&db, "b")).await;
    go.notify_one();
    for task in [first, a, b] {
        task.await.unwrap().unwrap();
    }
    assert_eq!(late.await.unwrap().unwrap_err().reason(), "REFERENCE_NOT_FOUND");
    assert!(ended.await.unwrap().is_err());
    put(&db.store, item("c")).await.unwrap();
    assert_eq!(ids(&db.store).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_full_queue_refuses_writes() {
    let db = database().await;
    let (first, go) = busy(&db.store).await;
    let mut tasks = Vec::new();
    for id in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        tasks.push(queued(write(&db, id)).await);
    }
    let e = write(&db, "9").await.unwrap_err();
    assert_eq!((e.kind(), e.reason().as_str()), (Kind::ResourceExhausted, "OVERLOADED"));
    assert!(e.retry_after().is_some() && e.is_transient());
    go.notify_one();
    first.await.unwrap().unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ids(&db.store).await.len(), 8);
}

#[tokio::test]
async fn closing_finishes_the_waiting_writes() {
    let db = database().await;
    let (first, go) = busy(&db.store).await;
    let a = queued(write(&db, "a")).await;
    let close = tokio::spawn({
        let store = db.store.clone();
        async move { store.close().await }
    });
    tokio::task::yield_now().await;
    go.notify_one();
    first.await.unwrap().unwrap();
    a.await.unwrap().unwrap();
    close.await.unwrap();
    assert_eq!(write(&db, "b").await.unwrap_err().kind(), Kind::Unavailable);
    let again = Store::open(&db.config).await.unwrap();
    assert_eq!(ids(&again).await, ["a"]);
}

#[tokio::test]
async fn a_write_inside_a_write_is_refused() {
    let db = database().await;
    let inner = db.store.clone();
    let e = db.store.write(inner, |_, inner| Box::pin(put(inner, item("a")))).await.unwrap_err();
    assert!(e.cause().unwrap().contains("inside a write"));
}

#[tokio::test]
async fn two_stores_of_one_file_take_turns() {
    let db = database().await;
    let other = Store::open(&db.config).await.unwrap();
    for n in 0..20 {
        let (a, b) = tokio::join!(put(&db.store, item(&format!("a{n}"))), put(&other, item(&format!("b{n}"))));
        assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    }
    assert_eq!(ids(&db.store).await.len(), 40);
}
