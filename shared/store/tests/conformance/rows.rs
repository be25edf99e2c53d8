//! Rows are read as they were written, in the order of their bytes.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::support::{each, get, item, put};

#[tokio::test]
async fn extremes_survive() {
    each(async |db| {
        for (id, count, due_time) in [
            ("min", i64::MIN, Some(i64::MIN)),
            ("max", i64::MAX, Some(i64::MAX)),
            ("micros", 9_007_199_254_740_993, Some(1_767_225_600_000_001)),
            ("none", 0, None),
        ] {
            let written = item::Model {
                count,
                due_time,
                document: vec![0, 0xff, 0],
                title: "Zürich 'Straße' \u{1f600} \" \\ %".to_owned(),
                flag: true,
                kind: i32::MIN,
                ..crate::support::item(id)
            };
            put(&db.store, written.clone()).await.unwrap();
            assert_eq!(get(&db.store, id).await, Some(written));
        }
    })
    .await;
}

#[tokio::test]
async fn pages_follow_the_order_of_bytes() {
    each(async |db| {
        let mut all = ["a", "B", "b", "A", "é", "e", "z", "Z", "ß", "10", "9", "_", "-", "\u{1f600}", "\u{ffff}", "ä"].map(str::to_owned);
        for id in &all {
            put(&db.store, crate::support::item(id)).await.unwrap();
        }
        all.sort();
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = item::Entity::find().filter(item::Column::Id.gt(&after)).order_by_asc(item::Column::Id).limit(3);
            let page = page.all(db.store.read()).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.id.clone();
            seen.extend(page.into_iter().map(|item| item.id));
        }
        assert_eq!(seen, all);
    })
    .await;
}

#[tokio::test]
async fn like_is_case_sensitive() {
    each(async |db| {
        put(&db.store, item::Model { title: "Acme".to_owned(), ..crate::support::item("a") }).await.unwrap();
        let count = async |part: &str| {
            let found = item::Entity::find().filter(item::Column::Title.contains(part)).all(db.store.read()).await;
            found.unwrap().len()
        };
        assert_eq!((count("Acm").await, count("acm").await), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn readers_of_sqlite_refuse_to_write() {
    let db = crate::support::sqlite(|_| {}).await;
    db.store.migrate(crate::support::migrations()).await.unwrap();
    assert!(item::Entity::delete_many().exec(db.store.read()).await.is_err());
}
