//! Failures as `google.rpc.Status` JSON with the matching HTTP status.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Returns the HTTP status of a gRPC code.
#[must_use]
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A status as `google.rpc.Status` in JSON, with its details unpacked.
pub(crate) fn json(status: &Status) -> Value {
    let details = status.get_error_details();
    let mut unpacked = Vec::new();
    if let Some(info) = details.error_info() {
        unpacked.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": info.reason, "domain": info.domain, "metadata": info.metadata,
        }));
    }
    if let Some(bad) = details.bad_request() {
        let fields: Vec<Value> = bad.field_violations.iter().map(|v| json!({"field": v.field, "description": v.description})).collect();
        unpacked.push(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}));
    }
    if let Some(delay) = details.retry_info().and_then(|r| r.retry_delay) {
        let delay = format!("{}s", delay.as_secs_f64());
        unpacked.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    if let Some(request) = details.request_info() {
        unpacked.push(json!({"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request.request_id}));
    }
    json!({"code": status.code() as i32, "message": status.message(), "details": unpacked})
}

/// A status as the response to a request. An etag mismatch is a failed
/// precondition (RFC 9110) if the request has `If-Match`. For an etag in the body,
/// which only the API defines, it is a conflict.
pub(crate) fn response_to(status: &Status, request: &HeaderMap) -> Response {
    let mut response = response(status);
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
    if request.contains_key(header::IF_MATCH) && reason.as_deref() == Some("ETAG_MISMATCH") {
        *response.status_mut() = StatusCode::PRECONDITION_FAILED;
    }
    response
}

/// The response to a request that did not arrive in time.
pub(crate) fn late(status: &Status) -> Response {
    let mut response = response(status);
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    response
}

/// A status as an HTTP response.
pub(crate) fn response(status: &Status) -> Response {
    let body = Body::from(json(status).to_string());
    let mut response = (http_status(status.code()), body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status.code() == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(delay) = status.get_error_details().retry_info().and_then(|r| r.retry_delay) {
        headers.insert(header::RETRY_AFTER, retry_after(delay));
    }
    response
}

/// Whole seconds, rounded up, at least 1.
fn retry_after(delay: Duration) -> HeaderValue {
    let seconds = delay.as_millis().div_ceil(1000).max(1);
    HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX))
}
