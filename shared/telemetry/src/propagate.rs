//! W3C trace context in headers and in stored rows.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Reads trace context from headers. The metadata of tonic, tower and axum are
/// all an `http::HeaderMap`, so one pair of types serves them all.
#[derive(Debug)]
pub struct HeaderExtract<'a>(pub &'a http::HeaderMap);

impl Extractor for HeaderExtract<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|v| v.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Writes trace context to headers.
#[derive(Debug)]
pub struct HeaderInject<'a>(pub &'a mut http::HeaderMap);

impl Injector for HeaderInject<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate is left out.
        if let (Ok(name), Ok(value), false) = (http::HeaderName::from_bytes(key.as_bytes()), value.parse(), value.is_empty()) {
            self.0.insert(name, value);
        }
    }
}

struct OneValue<'a>(&'a str);

impl Extractor for OneValue<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// `traceparent` of the current span. Empty if there is no span.
#[must_use]
pub fn traceparent() -> String {
    let context = Span::current().context();
    let span = context.span();
    let span: &SpanContext = span.span_context();
    if !span.is_valid() {
        return String::new();
    }
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags())
}

/// ID of the trace that the current span belongs to. Empty if there is no span.
#[must_use]
pub fn trace_id() -> String {
    let context = Span::current().context();
    let span = context.span();
    if span.span_context().is_valid() { span.span_context().trace_id().to_string() } else { String::new() }
}

/// Makes `span` a child of a stored `traceparent`. Call it before the span is
/// entered. An empty or damaged value leaves the span unchanged.
pub fn continue_trace(span: &Span, traceparent: &str) {
    set_parent(span, TraceContextPropagator::new().extract(&OneValue(traceparent)));
}

/// Adds the current span's context to outgoing headers.
pub fn inject(headers: &mut http::HeaderMap) {
    let context = Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInject(headers));
}

/// The span of a gRPC request: a child of the caller's span, named after the
/// method. Its parent is set here, before anybody can enter it.
#[must_use]
pub fn grpc_span<B>(request: &http::Request<B>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.rsplit_once('/').unwrap_or(("", path));
    let span = tracing::info_span!(
        "grpc",
        otel.name = path,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = tracing::field::Empty,
        request_id = tracing::field::Empty,
        tenant = tracing::field::Empty,
        caller = tracing::field::Empty,
    );
    set_parent(&span, TraceContextPropagator::new().extract(&HeaderExtract(request.headers())));
    span
}

fn set_parent(span: &Span, parent: Context) {
    if parent.span().span_context().is_valid() {
        // Fails if telemetry is off or the span is already running. The span is
        // then a root, which is no reason to fail the work in it.
        let _ = span.set_parent(parent);
    }
}
