//! Single answers.

use axum::body::Body;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tower::ServiceExt;

use crate::fake::*;

#[tokio::test]
async fn a_caller_without_a_valid_token_is_refused_before_its_body_is_read() {
    for token in ["Bearer none", "Basic YTpi"] {
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let request = http::Request::post("/v1/programs").header("authorization", token).body(never).unwrap();
        let refused = plain().oneshot(request).await.unwrap();
        assert_eq!((refused.status().as_u16(), &refused.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
        assert!(refused.headers().contains_key("x-request-id"), "refusals are found by ID, too");
        assert_eq!(json(refused).await["details"][0]["reason"], "TOKEN_INVALID");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = http::Request::patch("/v1/programs/p").header("authorization", token(60)).body(never).unwrap();
    let late = plain().oneshot(request).await.unwrap();
    assert_eq!(late.status(), 408);
    assert_eq!(json(late).await["details"][0]["reason"], "DEADLINE_EXCEEDED");
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

/// The field that an answer refuses.
async fn refused(answer: http::Response<axum::body::Body>) -> String {
    assert_eq!(answer.status(), 400);
    let answer = json(answer).await;
    assert_eq!(answer["details"][0]["reason"], "INVALID_FIELD", "{answer}");
    answer["details"][1]["fieldViolations"][0]["field"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_field_is_sent_once() {
    let change = async |query: &str, body: &str| ask(&plain(), Method::PATCH, &format!("/v1/programs/p{query}"), &[], body).await;
    let gold = "{\"displayName\": \"Gold\"}";
    assert_eq!(change("?updateMask=displayName", gold).await.status(), 200);
    assert_eq!(refused(change("", "{\"displayName\": \"Gold\", \"display_name\": \"Tin\"}").await).await, "program.display_name");
    assert_eq!(refused(change("?program.displayName=Tin", gold).await).await, "program.displayName");
    assert_eq!(refused(change("?updateMask=displayName&update_mask=name", gold).await).await, "update_mask");
    assert_eq!(change("", "{\"name\": \"programs/q\", \"displayName\": \"Gold\"}").await.status(), 200, "the path decides");
    let row = "{\"bulkEnrollmentId\": \"a\", \"bulk_enrollment_id\": \"b\"}\n";
    let rows = text(ask(&plain(), Method::POST, "/v1/enrollments:bulkEnroll", &[], row).await).await;
    assert!(rows.contains("\"bulk_enrollment_id\""), "{rows}");
}

#[tokio::test]
async fn headers_that_cannot_be_used_are_refused() {
    let send = async |headers: &[(&str, &[u8])]| {
        let mut request = http::Request::patch("/v1/programs/p").header("authorization", token(60));
        for (name, value) in headers {
            request = request.header(*name, http::HeaderValue::from_bytes(value).unwrap());
        }
        plain().oneshot(request.body(axum::body::Body::from("{\"displayName\": \"Gold\"}")).unwrap()).await.unwrap()
    };
    for name in ["Idempotency-Key", "If-Match"] {
        for value in ["schl\u{fc}ssel".as_bytes(), b"\xff", b"", &[b'k'; 101]] {
            assert_eq!(refused(send(&[(name, value)]).await).await, name, "{value:?}");
        }
        assert_eq!(refused(send(&[(name, b"\"7\""), (name, b"\"7\"")]).await).await, name);
    }
    assert_eq!(refused(send(&[("If-None-Match", b"\xff")]).await).await, "If-None-Match");
    assert_eq!(send(&[("Idempotency-Key", &[b'k'; 100]), ("If-Match", b"\"7\""), ("If-None-Match", b"\"1\", *")]).await.status(), 200);
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
    let gateway = in_front_of([("events", Fake("own").channel()), ("sell", Fake("selling").channel())]);
    let actor = async |path: &str| json(ask(&gateway, Method::GET, path, &[], "").await).await["events"][0]["actor"].clone();
    assert_eq!(actor("/v1/services/sell/events").await, "selling");
    assert_eq!(actor("/v1/services/nobody/events").await, "own", "the process's own stack answers for unknown names");
    let parked = json(ask(&gateway, Method::GET, "/v1/services/sell/parkedEvents", &[], "").await).await;
    assert!(parked["message"].as_str().unwrap().contains("sell in selling"), "{parked}");
    let replayed = json(ask(&gateway, Method::POST, "/v1/services/sell/parkedEvents:replay", &[], "{}").await).await;
    assert_eq!(replayed["replayedCount"], Value::from(1));
}
