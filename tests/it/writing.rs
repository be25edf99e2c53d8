//! Repeated writes, and concurrent ones.

use anyhow::Result;
use serde_json::{Value, json};
use stoa_tests::TestSuite;

async fn with_a_program() -> Result<(TestSuite, String)> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    let admin = suite.admin()?;
    Ok((suite, admin))
}

#[tokio::test]
async fn a_retry_gets_the_first_answer() -> Result<()> {
    let (suite, admin) = with_a_program().await?;
    let key = [("idempotency-key", "try-1")];
    let body = json!({"displayName": "Cloud"});
    let first = suite.http_with("POST", "/v1/productLines", &body, &admin, &key).await?.ok()?;
    let second = suite.http_with("POST", "/v1/productLines", &body, &admin, &key).await?.ok()?;
    assert_eq!(first, second);
    let all = suite.get("/v1/productLines").await?;
    assert_eq!(all["productLines"].as_array().map(Vec::len), Some(2), "{all}");
    // The same id from another caller is another request.
    let other =
        suite.token_of(stoa_auth::TokenRequest { subject: "persons/bob".into(), roles: vec!["admin".into()], ..Default::default() })?;
    let theirs = suite.http_with("POST", "/v1/productLines", &body, &other, &key).await?.ok()?;
    assert_ne!(theirs["name"], first["name"]);
    suite.finish().await
}

#[tokio::test]
async fn concurrent_retries_create_one_object() -> Result<()> {
    let (suite, admin) = with_a_program().await?;
    let (key, body) = ([("idempotency-key", "try-2")], json!({"displayName": "Cloud"}));
    let call = || suite.http_with("POST", "/v1/productLines", &body, &admin, &key);
    let (a, b, c) = tokio::try_join!(call(), call(), call())?;
    let (a, b, c) = (a.ok()?, b.ok()?, c.ok()?);
    assert_eq!((&a, &b), (&b, &c));
    assert_eq!(suite.get("/v1/productLines").await?["productLines"].as_array().map(Vec::len), Some(2));
    suite.finish().await
}

#[tokio::test]
async fn one_of_two_writers_with_the_same_etag_is_refused() -> Result<()> {
    let (suite, admin) = with_a_program().await?;
    let etag = suite.get("/v1/programs/channel").await?["etag"].as_str().unwrap_or_default().to_owned();
    let headers = [("if-match", etag.as_str())];
    let path = "/v1/programs/channel?updateMask=displayName";
    let bodies = [json!({"displayName": "Of Ann"}), json!({"displayName": "Of Bob"})];
    let (ann, bob) = tokio::try_join!(
        suite.http_with("PATCH", path, &bodies[0], &admin, &headers),
        suite.http_with("PATCH", path, &bodies[1], &admin, &headers)
    )?;
    let (winner, loser) = if ann.status == 200 { (ann, bob) } else { (bob, ann) };
    loser.refused(412, "ETAG_MISMATCH", "etag")?;
    let winner = winner.ok()?;
    assert_eq!(suite.get("/v1/programs/channel").await?, winner);
    suite.finish().await
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() -> Result<()> {
    let (suite, admin) = with_a_program().await?;
    let first = suite.http("GET", "/v1/programs/channel", &Value::Null, &admin).await?;
    let etag = first.header("etag").to_owned();
    assert_eq!(first.body["etag"], etag.as_str());
    let known = suite.http_with("GET", "/v1/programs/channel", &Value::Null, &admin, &[("if-none-match", &etag)]).await?;
    assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", etag.as_str()));
    suite.http("PATCH", "/v1/programs/channel?updateMask=displayName", &json!({"displayName": "New"}), &admin).await?.ok()?;
    let changed = suite.http_with("GET", "/v1/programs/channel", &Value::Null, &admin, &[("if-none-match", &etag)]).await?;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), etag);
    suite.finish().await
}
