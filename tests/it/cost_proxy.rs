//! What the proxy counts with a real server.

use anyhow::{Context, Result};
use sea_orm::{ConnectionTrait, Statement};
use stoa_kernel::Error;
use stoa_store::{DbResult, Store, StoreConfig};
use stoa_testkit::Place;
use stoa_tests::cost::{Plan, Proxy};

async fn write(store: &Store, sql: &'static str) -> Result<()> {
    let done = store.write(sql, |tx, sql| {
        Box::pin(async move {
            tx.conn().execute_raw(Statement::from_string(tx.backend(), *sql)).await.db()?;
            Ok::<_, Error>(())
        })
    });
    Ok(done.await?)
}

#[tokio::test]
async fn the_proxy_sees_what_a_store_does() -> Result<()> {
    let place = Place::new();
    let proxy = Proxy::start(&place.url()).await?;
    place.store("probe").await;
    let config = StoreConfig::postgres(&proxy.url(&place.url().replace("{service}", "probe")));
    let store = Store::open(&config).await?;
    store.migrate(Vec::new()).await?;
    write(&store, "CREATE TABLE probe (id BIGINT PRIMARY KEY, kind BIGINT NOT NULL)").await?;
    write(&store, "INSERT INTO probe SELECT n, n % 500 FROM generate_series(1, 1000) AS numbers(n)").await?;

    let change = "UPDATE probe SET kind = kind WHERE id = 7";
    write(&store, change).await?;
    proxy.take();
    write(&store, change).await?;
    let tally = proxy.take();
    assert_eq!((tally.trips, tally.statements), (3, ["BEGIN", change, "COMMIT"].map(str::to_owned).to_vec()));
    let plan = Plan::read(tally.plans.first().context("a plan")?)?;
    assert_eq!((plan.sql.as_str(), plan.returned, plan.examined["probe"]), (change, 1, 1));

    let select = Statement::from_sql_and_values(store.backend(), "SELECT id FROM probe WHERE kind = $1", [7.into()]);
    for _ in 0..2 {
        assert_eq!(store.read().query_all_raw(select.clone()).await?.len(), 2);
        let tally = proxy.take();
        assert_eq!((tally.trips, tally.statements.len()), (1, 1), "prepared or not: {tally:?}");
        let plan = Plan::read(tally.plans.first().context("a plan")?)?;
        assert_eq!((plan.returned, plan.excess(50)), (2, Some(("probe", 1000))));
    }
    store.close().await;
    Ok(())
}
