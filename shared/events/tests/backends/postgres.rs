//! The embedded path between stores on a PostgreSQL server, which
//! `TEST_POSTGRES_URL` names.

use futures::future::BoxFuture;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use stoa_kernel::ids;
use stoa_store::{Store, StoreConfig};

use crate::{suite, suite::*};

fn url() -> String {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    std::env::var("TEST_POSTGRES_URL").expect("the feature `backends` needs TEST_POSTGRES_URL, where databases may be created")
}

async fn admin() -> DatabaseConnection {
    let mut options = ConnectOptions::new(url());
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

/// Runs a case on separate databases, and drops them.
pub(crate) async fn with_rig(transport: impl Transport + 'static, case: impl AsyncFnOnce(Rig)) {
    let prefix = format!("events_{}", ids::new_id().replace('-', ""));
    let open = {
        let prefix = prefix.clone();
        move |name: String| -> BoxFuture<'static, Store> {
            let database = format!("{prefix}_{name}");
            Box::pin(async move {
                let admin = admin().await;
                admin.execute_unprepared(&format!("CREATE DATABASE {database}")).await.unwrap();
                admin.close().await.unwrap();
                let server = url().rsplit_once('/').unwrap().0.to_owned();
                let config = StoreConfig { connections_max: 8, ..StoreConfig::postgres(&format!("{server}/{database}")) };
                Store::open(&config).await.unwrap()
            })
        }
    };
    case(Rig::new(transport, Box::new(open)).await).await;
    let admin = admin().await;
    let find = sql(DbBackend::Postgres, "SELECT datname FROM pg_database WHERE datname LIKE $1", [format!("{prefix}%").into()]);
    for row in admin.query_all_raw(find).await.unwrap() {
        let database: String = row.try_get("", "datname").unwrap();
        admin.execute_unprepared(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
    }
    admin.close().await.unwrap();
}

async fn run(case: impl AsyncFnOnce(Rig)) {
    with_rig(Embedded, case).await;
}

#[tokio::test]
async fn a_copy_equals_the_original() {
    run(suite::a_copy_equals_the_original).await;
}

#[tokio::test]
async fn a_failing_event_is_parked_and_its_neighbors_continue() {
    run(suite::a_failing_event_is_parked_and_its_neighbors_continue).await;
}

#[tokio::test]
async fn later_events_of_an_aggregate_are_parked_behind_it() {
    run(suite::later_events_of_an_aggregate_are_parked_behind_it).await;
}

#[tokio::test]
async fn an_event_that_fails_for_a_while_takes_effect_once() {
    run(suite::an_event_that_fails_for_a_while_takes_effect_once).await;
}

#[tokio::test]
async fn an_event_that_always_fails_is_parked_in_the_end() {
    run(suite::an_event_that_always_fails_is_parked_in_the_end).await;
}

#[tokio::test]
async fn a_panic_in_a_handler_parks_the_event() {
    run(suite::a_panic_in_a_handler_parks_the_event).await;
}

#[tokio::test]
async fn a_restart_resumes() {
    run(suite::a_restart_resumes).await;
}

#[tokio::test]
async fn a_new_subscriber_starts_at_the_beginning() {
    run(suite::a_new_subscriber_starts_at_the_beginning).await;
}

#[tokio::test]
async fn other_subjects_are_skipped() {
    run(suite::other_subjects_are_skipped).await;
}

#[tokio::test]
async fn a_slow_subscriber_delays_only_itself() {
    run(suite::a_slow_subscriber_delays_only_itself).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_gap_free_with_two_relays() {
    run(suite::positions_are_gap_free).await;
}
