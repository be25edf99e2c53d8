//! Streams of answers, as server-sent events or as NDJSON.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, header};
use prost_reflect::DynamicMessage;
use stoa_kernel::clock::wall_now;
use stoa_rpc::Visitor;
use tokio::time::Instant;
use tonic::Status;

use crate::{body::Refused, failure, json};

/// Idle time after which a stream of events sends a comment, so that proxies keep
/// the connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How a stream is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `text/event-stream`.
    Events,
    /// `application/x-ndjson`.
    Lines,
}

impl Form {
    /// Chooses by `Accept`. NDJSON unless the caller asks for events.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if accept.contains("text/event-stream") { Self::Events } else { Self::Lines }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }
}

/// Writes the messages as they arrive and, between them, the errors of refused
/// lines. Ends with the stream, with a failure of the service, or when the caller's
/// token expires.
pub(crate) fn response(
    messages: impl Stream<Item = Result<DynamicMessage, Status>> + Send + 'static,
    form: Form,
    resume: Option<String>,
    refused: Refused,
    token: Option<Duration>,
) -> Response {
    let written = merged(messages, refused).map(move |item| match item {
        Ok(message) => framed(&message, form, resume.as_deref()),
        Err(status) => framed_failure(&status, form),
    });
    let all = written.take_until(expiry(token)).boxed();
    let all = if form == Form::Events { with_heartbeat(all).boxed() } else { all };
    let headers = [(header::CONTENT_TYPE, form.content_type()), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(all.map(Ok::<Bytes, Infallible>))).into_response()
}

fn merged(
    messages: impl Stream<Item = Result<DynamicMessage, Status>> + Send + 'static,
    refused: Refused,
) -> impl Stream<Item = Result<DynamicMessage, Status>> + Send {
    stream::unfold((Some(messages.boxed()), refused), |(open, refused)| async move {
        if let Some(mut messages) = open {
            let item = tokio::select! {
                error = refused.next() => Some(Err(stoa_rpc::status(error))),
                item = messages.next() => item,
            };
            if let Some(item) = item {
                return Some((item, (Some(messages), refused)));
            }
        }
        // The service has answered everything. What is left was refused last.
        let error = refused.take()?;
        Some((Err(stoa_rpc::status(error)), (None, refused)))
    })
}

async fn expiry(token: Option<Duration>) {
    match token {
        #[expect(clippy::disallowed_methods, reason = "the stream ends when its token expires")]
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Returns how long the caller's token remains valid.
pub(crate) fn token_left(visitor: &Visitor) -> Option<Duration> {
    let left = visitor.identity.as_ref()?.expires.micros() - wall_now().micros();
    Some(Duration::from_micros(u64::try_from(left).unwrap_or_default()))
}

fn framed(message: &DynamicMessage, form: Form, resume: Option<&str>) -> Bytes {
    let json = json::text(message);
    match form {
        Form::Lines => Bytes::from(format!("{json}\n")),
        Form::Events => {
            let id = resume.and_then(|f| message.get_field_by_name(f)).map(|v| text(&v)).map(|id| format!("id: {id}\n"));
            Bytes::from(format!("event: message\n{}data: {json}\n\n", id.unwrap_or_default()))
        }
    }
}

fn text(value: &prost_reflect::Value) -> String {
    match value {
        prost_reflect::Value::String(text) => text.clone(),
        other => other.as_i64().map(|n| n.to_string()).unwrap_or_default(),
    }
}

fn framed_failure(status: &Status, form: Form) -> Bytes {
    let json = failure::json(status);
    Bytes::from(match form {
        Form::Lines => format!("{}\n", serde_json::json!({"error": json})),
        Form::Events => format!("event: error\ndata: {json}\n\n"),
    })
}

fn with_heartbeat(events: impl Stream<Item = Bytes> + Send + Unpin + 'static) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(events, |mut events| async move {
        let due = Instant::now() + HEARTBEAT;
        match tokio::time::timeout_at(due, events.next()).await {
            Ok(Some(event)) => Some((event, events)),
            Ok(None) => None,
            Err(_) => Some((Bytes::from_static(b": still here\n\n"), events)),
        }
    })
}
