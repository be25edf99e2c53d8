//! Telemetry of a process without a collector. This is one test because
//! telemetry can be started only once.

use http::{HeaderMap, Request};
use stoa_telemetry::{TelemetryConfig, continue_trace, grpc_span, init, inject, trace_id, traceparent};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_travel_without_a_collector() {
    assert_eq!(traceparent(), "", "nothing is running yet");
    let quiet = TelemetryConfig { log_filter: "off".to_owned(), ..TelemetryConfig::default() };
    let telemetry = init(&quiet).unwrap();
    assert!(init(&quiet).is_err(), "once per process");
    assert_eq!(traceparent(), "", "no span");

    let request = Request::builder().uri("/stoa.sell.v1.DealService/GetDeal").header("traceparent", CALLER).body(()).unwrap();
    let span = grpc_span(&request);
    let inner = span.in_scope(|| {
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        assert_eq!(headers["traceparent"], traceparent());
        assert!(!headers.contains_key("tracestate"), "nothing to say");
        traceparent()
    });
    assert_eq!(inner[3..35], CALLER[3..35], "the caller's trace continues");
    assert_ne!(inner[36..52], CALLER[36..52], "in a span of its own");
    assert_eq!(&inner[53..], "01", "and its decision to record applies");

    // A stored row continues the trace later.
    let later = tracing::info_span!("later");
    continue_trace(&later, &inner);
    assert_eq!(later.in_scope(trace_id), CALLER[3..35]);

    // A root of our own has an ID even if nothing is exported.
    let root = tracing::info_span!("root");
    continue_trace(&root, "damaged");
    let own = root.in_scope(traceparent);
    assert_eq!(own.len(), CALLER.len());
    assert_ne!(own[3..35], CALLER[3..35]);

    let meter = opentelemetry::global::meter("test");
    meter.u64_counter("deals.seen").build().add(3, &[opentelemetry::KeyValue::new("tenant", "acme")]);
    let text = telemetry.scrape();
    assert!(text.contains("deals_seen_total{") && text.contains("tenant=\"acme\""), "{text}");
    telemetry.shutdown().await;
}
