//! Databases, each created for one test, and a table to test with.

use std::sync::Arc;

use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel};
use sea_orm_migration::{
    MigrationTrait, async_trait,
    prelude::*,
    sea_orm::{ConnectionTrait, DbErr},
};
use stoa_kernel::{Clock, Cx, Result};
use stoa_store::{DbResult, Store, StoreConfig, Tx, text_key};
use tempfile::TempDir;

pub(crate) mod item {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub key: String,
        pub title: String,
        pub count: i64,
        pub flag: bool,
        pub kind: i32,
        pub due_time: Option<i64>,
        pub parent: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The tables of the tests.
pub(crate) struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &'static str {
        "test_0001_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let item = Table::create()
            .table("item")
            .col(text_key("tenant"))
            .col(text_key("id"))
            .col(ColumnDef::new("version").big_integer().not_null())
            .col(ColumnDef::new("document").binary().not_null())
            .col(text_key("key"))
            .col(ColumnDef::new("title").text().not_null())
            .col(ColumnDef::new("count").big_integer().not_null())
            .col(ColumnDef::new("flag").boolean().not_null())
            .col(ColumnDef::new("kind").integer().not_null())
            .col(ColumnDef::new("due_time").big_integer())
            .col(text_key("parent"))
            .primary_key(Index::create().col("tenant").col("id"))
            .to_owned();
        manager.create_table(item).await?;
        for sql in [
            "CREATE UNIQUE INDEX item_key ON item (tenant, key)",
            "CREATE TABLE part (tenant text NOT NULL, id text NOT NULL, item text NOT NULL, PRIMARY KEY (tenant, id), \
             FOREIGN KEY (tenant, item) REFERENCES item (tenant, id) ON DELETE RESTRICT)",
            "CREATE TABLE late (tenant text NOT NULL, item text NOT NULL, \
             FOREIGN KEY (tenant, item) REFERENCES item (tenant, id) DEFERRABLE INITIALLY DEFERRED)",
        ] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Tables)]
}

/// The database of one test, and an open store on it.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    _folder: Option<Arc<TempDir>>,
}

/// An empty SQLite file.
pub(crate) async fn sqlite(change: impl Fn(&mut StoreConfig)) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::sqlite(&folder.path().join("test ?#%.db"));
    change(&mut config);
    Database { store: Store::open(&config).await.unwrap(), config, _folder: Some(Arc::new(folder)) }
}

/// Runs a test on an empty database of every backend.
pub(crate) async fn each_empty<F, R>(test: F)
where
    F: Fn(Database) -> R,
    R: Future<Output = ()>,
{
    eprintln!("on SQLite");
    let db = sqlite(|_| {}).await;
    test(db.clone()).await;
    db.store.close().await;
    #[cfg(feature = "backends")]
    {
        eprintln!("on PostgreSQL");
        let db = postgres::create().await;
        test(db.clone()).await;
        db.store.close().await;
        postgres::drop(&db).await;
    }
}

/// Runs a test on a database of every backend, with the tables.
pub(crate) async fn each<F, R>(test: F)
where
    F: Fn(Database) -> R,
    R: Future<Output = ()>,
{
    each_empty(async |db: Database| {
        db.store.migrate(migrations()).await.unwrap();
        test(db).await;
    })
    .await;
}

#[cfg(feature = "backends")]
pub(crate) mod postgres {
    use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
    use stoa_store::{Store, StoreConfig};

    use super::Database;

    fn server() -> String {
        #[expect(clippy::disallowed_methods, reason = "the address of the tests' server; there is no configuration to read")]
        std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| panic!("the feature `backends` needs TEST_POSTGRES_URL"))
    }

    async fn admin() -> DatabaseConnection {
        let mut options = ConnectOptions::new(server());
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    }

    fn name(config: &StoreConfig) -> &str {
        config.url.rsplit('/').next().unwrap()
    }

    /// A database whose locale does not order text by its bytes.
    pub(crate) async fn create() -> Database {
        let name = format!("store_{}", stoa_kernel::ids::new_id().replace('-', ""));
        let admin = admin().await;
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        admin.execute_unprepared(&sql).await.unwrap();
        admin.close().await.unwrap();
        let (server, _) = server().rsplit_once('/').map(|(s, d)| (s.to_owned(), d.to_owned())).unwrap();
        let config = StoreConfig::postgres(&format!("{server}/{name}"));
        Database { store: Store::open(&config).await.unwrap(), config, _folder: None }
    }

    pub(crate) async fn drop(db: &Database) {
        let admin = admin().await;
        admin.execute_unprepared(&format!("DROP DATABASE {} WITH (FORCE)", name(&db.config))).await.unwrap();
        admin.close().await.unwrap();
    }
}

pub(crate) fn cx() -> Cx {
    Cx::service("t", "test", &Clock::system(), "")
}

pub(crate) fn item(id: &str) -> item::Model {
    item::Model { tenant: "t".to_owned(), id: id.to_owned(), key: id.to_owned(), version: 1, ..Default::default() }
}

pub(crate) async fn insert(tx: &Tx, item: &item::Model) -> Result<()> {
    let row = item.clone().into_active_model();
    item::Entity::insert(row).exec_without_returning(tx.conn()).await.db()?;
    Ok(())
}

pub(crate) async fn put(store: &Store, item: item::Model) -> Result<()> {
    store.write(item, |tx, item| Box::pin(insert(tx, item))).await
}

pub(crate) async fn get(store: &Store, id: &str) -> Option<item::Model> {
    item::Entity::find_by_id(("t".to_owned(), id.to_owned())).one(store.read()).await.unwrap()
}

pub(crate) async fn ids(store: &Store) -> Vec<String> {
    item::Entity::find().order_by_id_asc().all(store.read()).await.unwrap().into_iter().map(|item| item.id).collect()
}

/// Writes the next version if the stored version is `before`.
pub(crate) async fn advance(tx: &Tx, id: &str, before: i64) -> Result<bool> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let change = item::ActiveModel { version: Set(before + 1), ..Default::default() };
    let done = item::Entity::update_many()
        .set(change)
        .filter(item::Column::Id.eq(id))
        .filter(item::Column::Version.eq(before))
        .exec(tx.conn())
        .await
        .db()?;
    Ok(done.rows_affected == 1)
}
