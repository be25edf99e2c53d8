//! Single answers.

use http::Method;
use serde_json::Value;

use crate::fake::*;

#[tokio::test]
async fn a_caller_above_its_rate_is_told_when_to_retry() {
    let gateway = in_front_of([("events", Fake("own").channel())], 2);
    let list = async |token: &str| ask(&gateway, Method::GET, "/v1/services/sell/events", &[("authorization", token)], "").await;
    assert_eq!(list("Bearer a").await.status(), 200);
    assert_eq!(list("Bearer a").await.status(), 200);
    let refused = list("Bearer a").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(json(refused).await["details"][0]["reason"], "RATE_LIMITED");
    assert_eq!(list("Bearer b").await.status(), 200, "every caller has its own rate");
}

#[tokio::test]
async fn the_description_is_served() {
    let answer = ask(&plain(), Method::GET, "/openapi.json", &[], "").await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let description = json(answer).await;
    assert_eq!(description["openapi"], "3.1.0");
    let update = &description["paths"]["/v1/programs/{program}"]["patch"];
    assert!(update["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "If-Match"), "{update}");
    assert_eq!(update["responses"]["412"]["$ref"], "#/components/responses/Changed");
    assert!(description["paths"]["/v1/programs"]["post"]["responses"]["412"].is_null(), "a new object has no version");
    let read = &description["paths"]["/v1/services/{service}/events:read"]["get"];
    assert!(read["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "Last-Event-ID"), "{read}");
}

#[tokio::test]
async fn a_failed_precondition_is_distinguished_from_a_conflict() {
    let change = async |headers: &[(&str, &str)], body: &str| ask(&plain(), Method::PATCH, "/v1/programs/p", headers, body).await;
    let ok = change(&[("if-match", ETAG)], "{\"displayName\": \"Gold\"}").await;
    assert_eq!((ok.status().as_u16(), &ok.headers()["etag"]), (200, &"\"8\"".parse().unwrap()));
    let failed = change(&[("if-match", "\"6\"")], "{\"displayName\": \"Gold\"}").await;
    assert_eq!(failed.status(), 412);
    assert_eq!(json(failed).await["details"][0]["reason"], "ETAG_MISMATCH");
    let conflict = change(&[], "{\"displayName\": \"Gold\", \"etag\": \"\\\"6\\\"\"}").await;
    assert_eq!(conflict.status(), 409);
    let too_long = format!("{{\"displayName\": \"{}\"}}", "x".repeat(300));
    let invalid = change(&[("if-match", "\"6\"")], &too_long).await;
    assert_eq!(invalid.status(), 400, "other failures keep their status");
}

#[tokio::test]
async fn a_large_page_passes() {
    let answer = ask(&plain(), Method::GET, "/v1/services/large/events?pageSize=1000", &[], "").await;
    assert_eq!(answer.status(), 200);
    let text = text(answer).await;
    assert!(text.len() > 8 * 1000 * 1000, "{}", text.len());
}

#[tokio::test]
async fn requests_for_events_go_to_the_service_that_the_path_names() {
    let gateway = in_front_of([("events", Fake("own").channel()), ("sell", Fake("selling").channel())], 1000);
    let actor = async |path: &str| json(ask(&gateway, Method::GET, path, &[], "").await).await["events"][0]["actor"].clone();
    assert_eq!(actor("/v1/services/sell/events").await, "selling");
    assert_eq!(actor("/v1/services/nobody/events").await, "own", "the process's own stack answers for unknown names");
    let parked = json(ask(&gateway, Method::GET, "/v1/services/sell/parkedEvents", &[], "").await).await;
    assert!(parked["message"].as_str().unwrap().contains("sell in selling"), "{parked}");
    let replayed = json(ask(&gateway, Method::POST, "/v1/services/sell/parkedEvents:replay", &[], "{}").await).await;
    assert_eq!(replayed["replayedCount"], Value::from(1));
}
