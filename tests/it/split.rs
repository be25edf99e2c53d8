//! Services in separate processes: what passes between them.

use anyhow::{Context, Result};
use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt;
use serde_json::Value;
use stoa::suite::{Options, Suite};
use stoa_config::{Backend, BusKind, Config, LocalKeySetting, Secret};
use stoa_rpc::{Limits, ServeConfig};
use stoa_testkit::Place;
use stoa_tests::TestSuite;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// Starts analytics and the gateway beside a suite that is reached at an
/// address. They have another bus, so that no event of the suite ever arrives
/// over it.
async fn beside(suite: &TestSuite, address: &str, dir: &tempfile::TempDir, place: &Place) -> Result<Suite> {
    let first = &suite.suite.config;
    let mut config = Config::embedded(dir.path())?;
    config.services = vec!["analytics".to_owned(), "gateway".to_owned()];
    config.peers = ["onboard", "enable", "market", "sell", "incentivize"].map(|name| (name.to_owned(), address.to_owned())).into();
    config.auth.service_key = first.service_key_path().0;
    config.auth.local_key = LocalKeySetting::Path(first.local_key_path().context("a key for tokens")?);
    place.store("analytics").await;
    config.store.backend = Backend::Postgres;
    config.store.url = Secret::from(place.url());
    config.bus.kind = BusKind::Jetstream;
    config.bus.url = first.bus.url.clone();
    config.bus.name = format!("{}-other", first.bus.name);
    Suite::start(config, Options { manual: true, ..Options::default() }).await
}

async fn get(suite: &Suite, path: &str, token: &str) -> Result<Value> {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty())?;
    let (parts, body) = suite.http().oneshot(request).await?.into_parts();
    let text = body.collect().await?.to_bytes();
    anyhow::ensure!(parts.status == 200, "{path}: {} {}", parts.status, String::from_utf8_lossy(&text));
    Ok(serde_json::from_slice(&text)?)
}

#[tokio::test]
async fn events_that_the_stream_does_not_deliver_are_read_from_the_log() -> Result<()> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    for id in ["north", "south"] {
        suite.enroll(id).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let config = ServeConfig { limits: Limits::default(), cors_origins: Vec::new(), http: None };
    let served = tokio::spawn(stoa_rpc::serve(listener, suite.suite.stack.clone(), config, suite.suite.stop_token()));

    let (dir, place) = (tempfile::tempdir()?, Place::new());
    let other = beside(&suite, &address, &dir, &place).await?;
    other.settle().await?;
    let admin = suite.admin()?;
    let (own, theirs) = (suite.get("/v1/networkQuality").await?, get(&other, "/v1/networkQuality", &admin).await?);
    assert_eq!((&own["headline"]["enrolledCount"], &theirs["headline"]["enrolledCount"]), (&"2".into(), &"2".into()), "{theirs}");

    // The other gateway reaches the services, including their logs.
    assert_eq!(get(&other, "/v1/partners/north", &admin).await?, suite.get("/v1/partners/north").await?);
    let path = "/v1/services/onboard/events?pageSize=3";
    assert_eq!(get(&other, path, &admin).await?["events"], suite.get(path).await?["events"]);
    assert_eq!(get(&other, "/v1/services/onboard/parkedEvents", &admin).await?["parkedEvents"], Value::Array(Vec::new()));
    other.stop().await;
    suite.finish().await?;
    served.await?
}
