//! Migrations: once, in order, all or nothing.

use futures::future::join_all;
use sea_orm_migration::{
    MigrationTrait, async_trait,
    prelude::*,
    sea_orm::{ConnectionTrait, DbErr, Statement},
};
use stoa_store::Store;

use crate::support::{Tables, each_empty, ids, item, migrations, put};

struct Named(&'static str, &'static str);

impl MigrationName for Named {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Named {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("CREATE TABLE half (id text)").await?;
        manager.get_connection().execute_unprepared(self.1).await.map(|_| ())
    }
}

async fn applied(store: &Store) -> Vec<String> {
    let sql = Statement::from_string(store.backend(), "SELECT version FROM seaql_migrations ORDER BY version");
    let rows = store.read().query_all_raw(sql).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    each_empty(async |db| {
        db.store.migrate(migrations()).await.unwrap();
        put(&db.store, item("a")).await.unwrap();
        db.store.migrate(migrations()).await.unwrap();
        assert_eq!(applied(&db.store).await, ["store_0001_foundation", "test_0001_tables"]);
        assert_eq!(ids(&db.store).await, ["a"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_migrations_take_turns() {
    each_empty(async |db| {
        let mut stores = vec![db.store.clone()];
        for _ in 0..3 {
            stores.push(Store::open(&db.config).await.unwrap());
        }
        for done in join_all(stores.iter().map(|store| store.migrate(migrations()))).await {
            done.unwrap();
        }
        assert_eq!(applied(&db.store).await.len(), 2);
        join_all(stores[1..].iter().map(Store::close)).await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_of_itself() {
    each_empty(async |db| {
        let broken = || -> Vec<Box<dyn MigrationTrait>> { vec![Box::new(Named("test_0002_broken", "CREATE NONSENSE"))] };
        let e = db.store.migrate(broken()).await.unwrap_err();
        assert!(e.cause().unwrap().contains("migration failed"), "{:?}", e.cause());
        // The table that it created before it failed is not in the way.
        let whole: Vec<Box<dyn MigrationTrait>> = vec![Box::new(Named("test_0002_broken", "SELECT 1"))];
        db.store.migrate(whole).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_program_older_than_its_store_is_refused() {
    each_empty(async |db| {
        db.store.migrate(migrations()).await.unwrap();
        let e = db.store.migrate(vec![]).await.unwrap_err();
        assert!(e.cause().unwrap().contains("test_0001_tables"), "{:?}", e.cause());
        let twice: Vec<Box<dyn MigrationTrait>> = vec![Box::new(Tables), Box::new(Tables)];
        assert!(db.store.migrate(twice).await.unwrap_err().cause().unwrap().contains("test_0001_tables"));
    })
    .await;
}
