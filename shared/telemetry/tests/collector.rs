//! Telemetry of a process whose collector does not answer.

use std::time::{Duration, Instant};

use stoa_telemetry::{TelemetryConfig, init, traceparent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_collector_delays_the_end_by_seconds_at_most() {
    let config = TelemetryConfig {
        otlp_endpoint: Some("http://127.0.0.1:1".to_owned()),
        sample_ratio: 1.0,
        log_filter: "off,collector=info".to_owned(),
        ..TelemetryConfig::default()
    };
    let telemetry = init(&config).unwrap();
    let span = tracing::info_span!("work");
    assert!(span.in_scope(traceparent).ends_with("-01"), "sampled");
    drop(span);
    opentelemetry::global::meter("test").u64_counter("works").build().add(1, &[]);
    let start = Instant::now();
    telemetry.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
}
