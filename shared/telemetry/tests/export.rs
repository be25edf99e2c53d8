//! Telemetry of a process with a collector: everything arrives there. This is
//! one test because telemetry can be started only once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::Request, routing::post};
use stoa_telemetry::{TelemetryConfig, init, trace_id};
use tokio::net::TcpListener;
use tonic::{
    Response, Status,
    body::Body,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

const METHODS: [&str; 3] = [
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
];

/// What was received, by method: the last resource's part of each request.
type Received = Arc<Mutex<BTreeMap<&'static str, Vec<u8>>>>;

/// The part of a collector that records what it was sent. Field 1 of all three
/// requests holds everything, so a message with one `bytes` field reads them,
/// and text appears in it unchanged.
fn collector(received: &Received) -> Router {
    METHODS.into_iter().fold(Router::new(), |router, method| {
        let received = received.clone();
        let handle = move |request: Request| async move {
            let take = tower::service_fn(move |request: tonic::Request<Vec<u8>>| {
                received.lock().unwrap().entry(method).or_default().extend(request.into_inner());
                std::future::ready(Ok::<_, Status>(Response::new(())))
            });
            tonic::server::Grpc::new(ProstCodec::<(), Vec<u8>>::default()).unary(take, request.map(Body::new)).await
        };
        router.route(method, post(handle))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_spans_metrics_and_logs() {
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let routes = Routes::from(collector(&received));
    let server = tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));

    let config = TelemetryConfig {
        service: "stoa-export-test".to_owned(),
        otlp_endpoint: Some(address),
        sample_ratio: 1.0,
        log_filter: "off,export=info".to_owned(),
        ..TelemetryConfig::default()
    };
    let telemetry = init(&config).unwrap();
    let span = tracing::info_span!("deal won");
    let trace = span.in_scope(|| {
        tracing::info!(deal = "deals/d-17", "the deal was won");
        trace_id()
    });
    drop(span);
    opentelemetry::global::meter("test").u64_counter("deals.won").build().add(1, &[]);
    telemetry.shutdown().await;

    let received = received.lock().unwrap();
    let holds =
        |method: usize, text: &[u8]| received.get(METHODS[method]).is_some_and(|bytes| bytes.windows(text.len()).any(|part| part == text));
    let trace: Vec<u8> = (0..trace.len()).step_by(2).map(|at| u8::from_str_radix(&trace[at..at + 2], 16).unwrap()).collect();
    for (method, text) in [(0, "deal won"), (1, "deals.won"), (2, "the deal was won"), (2, "deals/d-17")] {
        assert!(holds(method, text.as_bytes()), "{text} in {}", METHODS[method]);
        assert!(holds(method, b"stoa-export-test"), "the process names itself");
    }
    assert!(holds(0, &trace) && holds(2, &trace), "the log line names the trace of its span");
    server.abort();
}
