//! What is recorded of every call when it ends: metrics and one line in the
//! access log.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, UpDownCounter},
};
use stoa_proto::describe;
use tonic::{Code, Status, body::Body};
use tracing::Span;

use crate::arrival::REQUEST_ID;

/// A method of the API.
#[derive(Debug)]
pub(crate) struct Method {
    service: String,
    method: String,
    /// Whether the caller sends more than one message.
    pub(crate) client_streams: bool,
    server_streams: bool,
    /// Whether callers ask about the API itself.
    pub(crate) is_reflection: bool,
}

impl Method {
    /// Whether either side sends more than one message.
    pub(crate) const fn streams(&self) -> bool {
        self.client_streams || self.server_streams
    }
}

/// Methods of others that the server offers: in both, both sides send messages.
const REFLECTION: [&str; 2] = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let ours = describe::methods().map(|m| {
        let (client_streams, server_streams) = (m.is_client_streaming(), m.is_server_streaming());
        let service = m.parent_service().full_name().to_owned();
        (describe::path(&m), Method { service, method: m.name().to_owned(), client_streams, server_streams, is_reflection: false })
    });
    let reflection = REFLECTION.map(|service| {
        let method = "ServerReflectionInfo".to_owned();
        (
            format!("/{service}/{method}"),
            Method { service: service.to_owned(), method, client_streams: true, server_streams: true, is_reflection: true },
        )
    });
    ours.chain(reflection).collect()
});

/// The method of a path. Unknown paths share one, so that strangers cannot make
/// the metrics grow.
pub(crate) fn method(path: &str) -> &'static Method {
    static UNKNOWN: Method =
        Method { service: String::new(), method: String::new(), client_streams: false, server_streams: false, is_reflection: false };
    METHODS.get(path).unwrap_or(&UNKNOWN)
}

/// Instruments of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let meter = global::meter("stoa_rpc");
        let bounds = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        Self {
            duration: meter
                .f64_histogram("rpc.server.duration")
                .with_unit("s")
                .with_description("Time from a request to the end of its answer")
                .with_boundaries(bounds)
                .build(),
            active: meter.i64_up_down_counter("rpc.server.active_requests").with_description("Requests in progress").build(),
        }
    }
}

/// A call in progress. It is recorded when its answer ends, or when it is
/// dropped because the caller went away.
pub(crate) struct Call {
    meters: Meters,
    method: &'static Method,
    path: String,
    request_id: String,
    span: Span,
    start: Instant,
    recorded: bool,
}

impl Call {
    pub(crate) fn start(meters: &Meters, path: &str, request_id: &str, span: &Span) -> Self {
        meters.active.add(1, &[]);
        Self {
            meters: meters.clone(),
            method: method(path),
            path: path.to_owned(),
            request_id: request_id.to_owned(),
            span: span.clone(),
            start: Instant::now(),
            recorded: false,
        }
    }

    /// Follows the answer to its end.
    pub(crate) fn track(mut self, mut response: Response<Body>) -> Response<Body> {
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        // A failure before the first message is in the headers, everything else
        // in the trailers.
        if let Some(code) = code(response.headers()) {
            self.record(code);
            return response;
        }
        response.map(|inner| Body::new(Followed { inner, call: self }))
    }

    /// Ends a call that has no answer of a service.
    pub(crate) fn end(mut self, code: Code) {
        self.record(code);
    }

    fn record(&mut self, code: Code) {
        if std::mem::replace(&mut self.recorded, true) {
            return;
        }
        let seconds = self.start.elapsed().as_secs_f64();
        self.meters.active.add(-1, &[]);
        self.meters.duration.record(
            seconds,
            &[
                KeyValue::new("rpc.service", self.method.service.as_str()),
                KeyValue::new("rpc.method", self.method.method.as_str()),
                KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)),
            ],
        );
        self.span.record("rpc.grpc.status_code", code as i32);
        if matches!(code, Code::Unknown | Code::Internal | Code::DataLoss | Code::Unavailable) {
            self.span.record("otel.status_code", "ERROR");
        }
        let trace = self.span.in_scope(stoa_telemetry::trace_id);
        let ms = (seconds * 1_000_000.0).round() / 1000.0;
        // A caller's mistake is not an error of ours: the level is the same for
        // all codes, and faults have already been logged with their cause.
        tracing::info!(target: "stoa_rpc::access", parent: &self.span, path = self.path, code = ?code, ms, trace, "answered");
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.record(Code::Cancelled);
    }
}

/// A response body that records its call when it ends.
struct Followed {
    inner: Body,
    call: Call,
}

impl http_body::Body for Followed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.record(code(trailers).unwrap_or(Code::Unknown));
                }
            }
            Some(Err(status)) => self.call.record(status.code()),
            None => self.call.record(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_paths_share_one_name() {
        assert_eq!(method("/stoa.events.v1.EventService/ListEvents").method, "ListEvents");
        assert!(method("/stoa.events.v1.EventService/ReadEvents").streams());
        assert_eq!(method("/whatever/x1").method, method("/whatever/x2").method);
    }
}
