//! Write transactions: all or nothing, one winner, and nothing from callers
//! that have left.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use stoa_kernel::{Error, Kind, Result};
use stoa_store::Store;
use tokio::sync::Notify;

use crate::support::{Database, advance, each, get, ids, insert, item, put};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_writers_wins() {
    each(async |db| {
        put(&db.store, item("a")).await.unwrap();
        for before in 1..20 {
            let write = || db.store.write(before, |tx, before| Box::pin(advance(tx, "a", *before)));
            let won = tokio::join!(write(), write());
            let won = [won.0.unwrap(), won.1.unwrap()];
            assert_eq!(won.iter().filter(|won| **won).count(), 1, "{before}: {won:?}");
        }
        assert_eq!(get(&db.store, "a").await.unwrap().version, 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_all_commit() {
    each(async |db| {
        let mut commits = db.store.commits();
        let before = *commits.borrow_and_update();
        let done = join_all((0..64).map(|n| put(&db.store, item(&format!("{n:02}"))))).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        assert_eq!(ids(&db.store).await.len(), 64);
        assert!(commits.has_changed().unwrap());
        assert!((1..=64).contains(&(*commits.borrow() - before)));
    })
    .await;
}

#[tokio::test]
async fn a_failed_operation_leaves_nothing() {
    each(async |db| {
        let failed: Result<()> = db
            .store
            .write(item("a"), |tx, item| {
                Box::pin(async move {
                    insert(tx, item).await?;
                    Err(Error::state("items/a", "new", "old"))
                })
            })
            .await;
        assert_eq!(failed.unwrap_err().reason(), "STATE_INVALID");
        assert!(ids(&db.store).await.is_empty());
    })
    .await;
}

async fn panics(store: &Store) -> Result<()> {
    store
        .write(item("panicked"), |tx, item| {
            Box::pin(async move {
                insert(tx, item).await?;
                panic!("as the test wants it")
            })
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_survives_a_panic() {
    each(async |db| {
        let done = join_all((0..8).map(|n| {
            let db = db.clone();
            async move { if n % 2 == 0 { panics(&db.store).await } else { put(&db.store, item(&n.to_string())).await } }
        }))
        .await;
        for (n, done) in done.iter().enumerate() {
            assert_eq!(done.is_err(), n % 2 == 0, "{n}: {done:?}");
        }
        let e = panics(&db.store).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Internal);
        assert!(e.cause().unwrap().contains("as the test wants it") && !e.to_string().contains("test"));
        assert_eq!(ids(&db.store).await, ["1", "3", "5", "7"]);
    })
    .await;
}

/// Inserts, reports it, and never ends.
async fn hangs(db: &Database, id: &'static str, inserted: Arc<Notify>) -> Result<()> {
    db.store
        .write((item(id), inserted), |tx, (item, inserted)| {
            Box::pin(async move {
                insert(tx, item).await?;
                inserted.notify_one();
                std::future::pending().await
            })
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_operation_leaves_nothing() {
    each(async |db| {
        for round in 0..3 {
            let inserted = Arc::new(Notify::new());
            let task = tokio::spawn({
                let (db, inserted) = (db.clone(), inserted.clone());
                async move { hangs(&db, "hung", inserted).await }
            });
            inserted.notified().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            put(&db.store, item(&round.to_string())).await.unwrap();
        }
        // The key is free again, too.
        put(&db.store, item("hung")).await.unwrap();
        assert_eq!(ids(&db.store).await, ["0", "1", "2", "hung"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_canceled_at_any_moment_leaves_all_or_nothing() {
    each(async |db| {
        for n in 0..60_u64 {
            let id = format!("{n:02}");
            let write = db.store.write((item(&id), item(&format!("{id}+"))), |tx, (a, b)| {
                Box::pin(async move {
                    insert(tx, a).await?;
                    insert(tx, b).await
                })
            });
            if let Ok(done) = tokio::time::timeout(Duration::from_micros(n * 40), write).await {
                done.unwrap();
            }
        }
        put(&db.store, item("last")).await.unwrap();
        let ids = ids(&db.store).await;
        for n in 0..60 {
            let (a, b) = (format!("{n:02}"), format!("{n:02}+"));
            assert_eq!(ids.contains(&a), ids.contains(&b), "{n}");
        }
    })
    .await;
}

#[cfg(feature = "backends")]
#[tokio::test(flavor = "multi_thread")]
async fn deadlocks_are_run_again() {
    let db = crate::support::postgres::create().await;
    db.store.migrate(crate::support::migrations()).await.unwrap();
    for id in ["a", "b"] {
        put(&db.store, item(id)).await.unwrap();
    }
    let write = |first: &'static str, second: &'static str| {
        db.store.write((first, second), |tx, (first, second)| {
            Box::pin(async move {
                use sea_orm::ConnectionTrait;
                use stoa_store::DbResult;
                for id in [first, second] {
                    let sql = format!("UPDATE item SET version = version + 1 WHERE id = '{id}'");
                    tx.conn().execute_unprepared(&sql).await.db()?;
                    tx.conn().execute_unprepared("SELECT pg_sleep(0.2)").await.db()?;
                }
                Ok(())
            })
        })
    };
    let done = tokio::join!(write("a", "b"), write("b", "a"));
    assert!(done.0.is_ok() && done.1.is_ok(), "{done:?}");
    assert_eq!(get(&db.store, "a").await.unwrap().version, 3);
    db.store.close().await;
    crate::support::postgres::drop(&db).await;
}

#[cfg(feature = "backends")]
#[tokio::test(flavor = "multi_thread")]
async fn persistent_contention_is_reported() {
    let db = crate::support::postgres::create().await;
    db.store.migrate(crate::support::migrations()).await.unwrap();
    let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let e = db
        .store
        .write(runs.clone(), |tx, runs| {
            Box::pin(async move {
                use sea_orm::ConnectionTrait;
                use stoa_store::DbResult;
                runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let sql = "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = 'serialization_failure'; END $$";
                tx.conn().execute_unprepared(sql).await.db().map(|_| ())
            })
        })
        .await
        .unwrap_err();
    assert_eq!((e.kind(), e.reason().as_str()), (Kind::Aborted, "CONTENTION"));
    assert_eq!(runs.load(std::sync::atomic::Ordering::SeqCst), 6);
    db.store.close().await;
    crate::support::postgres::drop(&db).await;
}

#[cfg(feature = "backends")]
#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_unavailable_and_replaced() {
    use sea_orm::ConnectionTrait;
    let db = crate::support::postgres::create().await;
    db.store.migrate(crate::support::migrations()).await.unwrap();
    join_all((0..4).map(|n| put(&db.store, item(&n.to_string())))).await;
    let other = Store::open(&db.config).await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    other.read().execute_unprepared(kill).await.unwrap();
    let mut lost = 0;
    while let Err(e) = put(&db.store, item("after")).await {
        assert_eq!(e.kind(), Kind::Unavailable, "{:?}", e.cause());
        lost += 1;
        assert!(lost <= 4, "connections are not replaced");
    }
    other.close().await;
    db.store.close().await;
    crate::support::postgres::drop(&db).await;
}
