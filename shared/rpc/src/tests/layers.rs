use tonic::Code;
use tonic_types::StatusExt;

use super::*;

#[tokio::test]
async fn a_request_passes_with_context_trace_and_id() {
    let suite = Suite::new();
    let mut request = suite.request("echo");
    request.metadata_mut().insert("traceparent", CALLER.parse().unwrap());
    request.metadata_mut().insert("x-request-id", "order-7".parse().unwrap());
    let response = suite.client().list_events(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), "order-7");
    let event = &response.get_ref().events[0];
    assert_eq!((event.tenant.as_str(), event.actor.as_str(), event.request_id.as_str()), ("acme", "persons/ann", "order-7"));
    assert_eq!(event.traceparent[3..35], CALLER[3..35], "the caller's trace");
    assert_ne!(event.traceparent[36..52], CALLER[36..52], "in a span of its own");
    assert!((1..=30_000).contains(&event.version), "the limit is the deadline if the caller sets none: {}", event.version);
}

/// Whatever ID the request gets, the log of the write has the same one.
#[tokio::test]
async fn the_context_carries_the_id_of_the_answer() {
    let suite = Suite::new();
    for given in ["order/7:{a}", "with space", &"x".repeat(101)] {
        let mut request = suite.request("echo");
        request.metadata_mut().insert("x-request-id", given.parse().unwrap());
        let response = suite.client().list_events(request).await.unwrap();
        let answered = response.metadata().get("x-request-id").unwrap().to_str().unwrap();
        assert_eq!(response.get_ref().events[0].request_id, answered);
        assert_eq!(answered == given, given == "order/7:{a}", "{answered}");
    }
}

#[tokio::test]
async fn a_panic_is_a_complete_answer() {
    let suite = Suite::new();
    let status = suite.list("panics").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Internal, "INTERNAL"));
    assert!(!status.message().contains("customer"), "{}", status.message());
    let id = status.metadata().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    assert_eq!(status.get_error_details().request_info().unwrap().request_id, id);
    assert!(status.message().contains(&id));
    // The stack keeps working.
    assert!(suite.list("echo").await.is_ok());
}

#[tokio::test]
async fn a_fault_hides_its_cause() {
    let status = Suite::new().list("fails").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("disk full"));
}

#[tokio::test]
async fn load_is_shed_with_a_time_to_retry() {
    let suite = Suite::with(Limits { concurrency_max: 1, ..Limits::default() });
    let mut client = suite.client();
    let first = suite.request("hangs");
    let busy = tokio::spawn(async move { client.list_events(first).await });
    suite.busy.notified().await;
    let status = suite.list("echo").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::ResourceExhausted, "OVERLOADED"));
    assert_eq!(status.get_error_details().retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
    // A caller that goes away frees its place.
    busy.abort();
    let _ = busy.await;
    assert!(suite.list("echo").await.is_ok());
}

#[tokio::test]
async fn the_deadline_is_kept() {
    let suite = Suite::with(Limits { deadline_ms_max: 100, ..Limits::default() });
    let status = suite.list("hangs").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));

    let suite = Suite::new();
    let mut request = suite.request("hangs");
    request.set_timeout(Duration::from_millis(100));
    let status = suite.client().list_events(request).await.unwrap_err();
    assert_eq!(reason(&status), "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let suite = Suite::with(Limits { message_bytes_max: 1000, ..Limits::default() });
    let mut request = suite.request("echo");
    request.get_mut().filter = "x".repeat(1500);
    let status = suite.client().list_events(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::ResourceExhausted, "TOO_LARGE"));
    assert!(suite.list("echo").await.is_ok());
}

#[tokio::test]
async fn strangers_are_refused() {
    let suite = Suite::new();
    let mut request = suite.request("echo");
    request.metadata_mut().remove("authorization");
    let status = suite.client().list_events(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, "TOKEN_INVALID"));
    assert!(status.metadata().contains_key("x-request-id"), "refusals are found by id, too");
}

#[tokio::test]
async fn an_in_process_caller_cannot_bring_its_own_context() {
    let suite = Suite::new();
    let mut request = suite.request("echo");
    request.metadata_mut().remove("authorization");
    request.extensions_mut().insert(stoa_kernel::Cx::service("victim", "sell", &Clock::system(), ""));
    assert_eq!(suite.client().list_events(request).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn every_answer_is_counted_by_its_code() {
    let suite = Suite::new();
    suite.list("echo").await.unwrap();
    suite.list("fails").await.unwrap_err();
    let text = TELEMETRY.scrape();
    let counted = |code: &str| {
        text.lines().any(|line| {
            line.starts_with("rpc_server_duration_seconds_count")
                && line.contains(r#"rpc_method="ListEvents""#)
                && line.contains(&format!(r#"rpc_grpc_status_code="{code}""#))
        })
    };
    assert!(counted("0"), "from the trailers: {text}");
    assert!(counted("13"), "from the headers: {text}");
    assert!(text.contains("rpc_server_active_requests"), "{text}");
}
