//! Database errors have a class, and their text does not reach the caller.

use sea_orm::{ConnectionTrait, EntityTrait};
use stoa_kernel::{Error, Kind, Result};
use stoa_store::{DbResult, Store, is_unique_violation};

use crate::support::{each, get, item, put};

async fn run(store: &Store, sql: &'static str) -> Result<()> {
    store.write((), move |tx, ()| Box::pin(async move { tx.conn().execute_unprepared(sql).await.db().map(|_| ()) })).await
}

fn shown(e: &Error) -> String {
    format!("{} {:?} {:?}", e.message(), e.fields(), e.metadata()).to_lowercase()
}

#[tokio::test]
async fn violations_have_a_class() {
    each(async |db| {
        put(&db.store, item("a")).await.unwrap();
        for (sql, kind, reason) in [
            (
                "INSERT INTO item SELECT tenant, id, version, document, 'k', title, count, flag, kind, due_time, parent FROM item",
                Kind::AlreadyExists,
                "ALREADY_EXISTS",
            ),
            (
                "INSERT INTO item SELECT tenant, 'b', version, document, key, title, count, flag, kind, due_time, parent FROM item",
                Kind::AlreadyExists,
                "ALREADY_EXISTS",
            ),
            ("INSERT INTO part VALUES ('t', 'p', 'none')", Kind::FailedPrecondition, "REFERENCE_NOT_FOUND"),
            ("INSERT INTO late VALUES ('t', 'none')", Kind::FailedPrecondition, "REFERENCE_NOT_FOUND"),
            ("UPDATE item SET title = NULL", Kind::Internal, "INTERNAL"),
            ("SELECT secret FROM nowhere", Kind::Internal, "INTERNAL"),
        ] {
            let e = run(&db.store, sql).await.unwrap_err();
            assert_eq!((e.kind(), e.reason().as_str()), (kind, reason), "{sql}: {:?}", e.cause());
            for word in ["select", "insert", "item", "constraint", "nowhere", "secret"] {
                assert!(!shown(&e).contains(word), "{sql}: {}", shown(&e));
            }
        }
        run(&db.store, "INSERT INTO part VALUES ('t', 'p', 'a')").await.unwrap();
        let e = run(&db.store, "DELETE FROM item").await.unwrap_err();
        assert_eq!(e.reason(), "REFERENCE_NOT_FOUND", "{:?}", e.cause());
    })
    .await;
}

#[tokio::test]
async fn an_operation_may_expect_a_taken_key() {
    each(async |db| {
        put(&db.store, item("a")).await.unwrap();
        let again = db.store.write(item("a"), |tx, item| {
            Box::pin(async move {
                let row = sea_orm::IntoActiveModel::into_active_model(item.clone());
                match item::Entity::insert(row).exec_without_returning(tx.conn()).await {
                    Err(e) if is_unique_violation(&e) => Err(Error::already_exists("items/a")),
                    other => other.db().map(|_| ()),
                }
            })
        });
        assert!(again.await.unwrap_err().message().contains("items/a"));
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    each(async |db| {
        db.store.ping().await.unwrap();
        db.store.close().await;
        db.store.close().await;
        assert_eq!(put(&db.store, item("a")).await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(db.store.ping().await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(item::Entity::find().all(db.store.read()).await.db().unwrap_err().kind(), Kind::Unavailable);
    })
    .await;
}

#[tokio::test]
async fn a_failed_opening_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let missing = stoa_store::StoreConfig::sqlite(&folder.path().join("no/such/folder.db"));
    assert_eq!(Store::open(&missing).await.unwrap_err().fields()[0].field, "url");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);

    let other = folder.path().join("other.db");
    let content = b"This is not a database, and long enough to show it. ".repeat(40);
    std::fs::write(&other, &content).unwrap();
    let e = Store::open(&stoa_store::StoreConfig::sqlite(&other)).await.unwrap_err();
    assert!(e.cause().unwrap().contains("not a database"), "{:?}", e.cause());
    assert_eq!(std::fs::read(&other).unwrap(), content);
}

#[tokio::test]
async fn acknowledged_writes_are_there_after_reopening() {
    each(async |db| {
        put(&db.store, item("a")).await.unwrap();
        db.store.close().await;
        let again = Store::open(&db.config).await.unwrap();
        assert!(get(&again, "a").await.is_some());
        again.close().await;
    })
    .await;
}
