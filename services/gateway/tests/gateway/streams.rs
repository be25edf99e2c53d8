//! Streams. The only server-streaming method of the API, `ReadEvents`, is for
//! services. Here it stands in for future methods.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::Method;
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};
use tower::ServiceExt;

use crate::fake::*;

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

async fn next(body: &mut BodyDataStream) -> String {
    String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn events_resume_after_the_last_event_id() {
    let gateway = plain();
    let whole = ask(&gateway, Method::GET, "/v1/services/sell/events:read", &[EVENTS], "").await;
    assert_eq!(
        (&whole.headers()["content-type"], &whole.headers()["cache-control"]),
        (&"text/event-stream".parse().unwrap(), &"no-store".parse().unwrap())
    );
    let whole = text(whole).await;
    let first = "event: message\nid: 1\ndata: {\"position\":\"1\"}\n\n";
    assert!(whole.starts_with(first) && whole.matches("\nid: ").count() == 5, "{whole}");
    let rest = text(ask(&gateway, Method::GET, "/v1/services/sell/events:read", &[EVENTS, ("last-event-id", "3")], "").await).await;
    assert!(whole.ends_with(&rest) && rest.matches("\nid: ").count() == 2, "{rest}");
    let wrong = ask(&gateway, Method::GET, "/v1/services/sell/events:read", &[EVENTS, ("last-event-id", "x")], "").await;
    assert_eq!(wrong.status(), 400);
    assert!(text(wrong).await.contains("\"Last-Event-ID\""));
}

#[tokio::test]
async fn lines_are_sent_unless_events_are_requested() {
    let answer = ask(&plain(), Method::GET, "/v1/services/sell/events:read?position=3", &[], "").await;
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let positions: Vec<Value> = lines(&text(answer).await).into_iter().map(|line| line["position"].clone()).collect();
    assert_eq!(positions, ["4", "5"]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_of_events_sends_heartbeats() {
    let answer = ask(&plain(), Method::GET, "/v1/services/quiet/events:read", &[EVENTS], "").await;
    let mut body = answer.into_body().into_data_stream();
    assert!(next(&mut body).await.starts_with("event: message"));
    let start = Instant::now();
    for beat in 1..=2 {
        assert_eq!(next(&mut body).await, ": still here\n\n");
        assert_eq!(start.elapsed().as_secs(), beat * 15);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_expires() {
    let start = Instant::now();
    let answer = ask(&plain(), Method::GET, "/v1/services/quiet/events:read", &[("authorization", &token(3600))], "").await;
    assert_eq!(lines(&text(answer).await).len(), 1);
    assert!((3590..=3601).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_failure_in_midstream_is_the_last_message() {
    let events = text(ask(&plain(), Method::GET, "/v1/services/broken/events:read", &[EVENTS], "").await).await;
    assert!(events.contains("id: 1\n") && events.contains("event: error\ndata: {\"code\":14"), "{events}");
    let lines = lines(&text(ask(&plain(), Method::GET, "/v1/services/broken/events:read", &[], "").await).await);
    assert_eq!((lines.len(), &lines[1]["error"]["details"][0]["reason"]), (2, &Value::from("UNAVAILABLE")));
}

#[tokio::test]
async fn an_unreadable_line_is_answered_and_the_others_are_processed() {
    let body = "{\"bulkEnrollmentId\": \"a\"}\nnonsense\n\n{\"bulkEnrollmentId\": \"b\", \"nonsense\": 1}\n{\"bulkEnrollmentId\": \"c\"}";
    let answer = ask(&plain(), Method::POST, "/v1/enrollments:bulkEnroll", &[], body).await;
    let lines = lines(&text(answer).await);
    let rows: Vec<&str> = lines.iter().filter_map(|line| line["rowId"].as_str()).collect();
    let broken: Vec<&str> = lines.iter().filter_map(|line| line["error"]["details"][0]["metadata"]["line"].as_str()).collect();
    assert_eq!((rows, broken), (vec!["a", "c"], vec!["2", "4"]), "{lines:?}");
    assert!(lines.iter().any(|line| line["error"]["details"][1]["fieldViolations"][0]["field"] == "nonsense"), "{lines:?}");
}

#[tokio::test]
async fn rows_are_answered_before_the_request_ends() {
    let (rows, receiver) = mpsc::channel::<&str>(1);
    let body = Body::from_stream(stream::unfold(receiver, |mut receiver| async {
        Some((Ok::<_, std::io::Error>(Bytes::from(receiver.recv().await?)), receiver))
    }));
    rows.send("{\"bulkEnrollmentId\": \"a\"}\n").await.unwrap();
    let request = http::Request::post("/v1/enrollments:bulkEnroll").header("authorization", token(60)).body(body).unwrap();
    let mut answers = plain().oneshot(request).await.unwrap().into_body().into_data_stream();
    assert!(next(&mut answers).await.contains("\"rowId\":\"a\""));
    rows.send("nonsense\n").await.unwrap();
    assert!(next(&mut answers).await.contains("\"line\":\"2\""), "while the service waits for the next row");
    rows.send("{\"bulkEnrollmentId\": \"b\"}\n").await.unwrap();
    assert!(next(&mut answers).await.contains("\"rowId\":\"b\""));
    drop(rows);
    assert!(tokio::time::timeout(Duration::from_secs(60), answers.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_line_that_is_too_long_ends_the_stream() {
    let body = format!("{{\"bulkEnrollmentId\": \"a\"}}\n\"{}", "x".repeat(70_000));
    let lines = lines(&text(ask(&plain(), Method::POST, "/v1/enrollments:bulkEnroll", &[], &body).await).await);
    assert!(lines.iter().any(|line| line["rowId"] == "a"));
    assert!(lines.iter().any(|line| line["error"]["details"][0]["reason"] == "TOO_LARGE"), "{lines:?}");
}
