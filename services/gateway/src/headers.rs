//! Headers that pass between HTTP and gRPC metadata, and headers that set fields of
//! the request.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use prost_reflect::{DynamicMessage, Kind, ReflectMessage, Value};
use tonic::metadata::MetadataMap;

use crate::route::{BodyTo, Route};

/// Request headers that are forwarded to the service.
const FORWARDED: [&str; 5] = ["authorization", "x-request-id", "traceparent", "tracestate", "grpc-timeout"];

/// Response metadata that is returned to the caller.
const RETURNED: [&str; 1] = ["x-request-id"];

/// Returns the metadata of the call.
pub(crate) fn forward(from: &HeaderMap) -> MetadataMap {
    let mut headers = HeaderMap::new();
    for name in FORWARDED {
        if let Some(value) = from.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    MetadataMap::from_headers(headers)
}

/// Copies the response metadata that is returned to the caller.
pub(crate) fn return_metadata(from: &MetadataMap, to: &mut HeaderMap) {
    for name in RETURNED {
        if let Some(value) = from.clone().into_headers().get(name) {
            to.insert(HeaderName::from_static(name), value.clone());
        }
    }
}

/// Sets fields from headers: the request ID from `Idempotency-Key`, and the etag of
/// the request or of the resource in it from `If-Match`. Values in the message take
/// precedence.
pub(crate) fn fill(message: &mut DynamicMessage, headers: &HeaderMap) {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if let Some(key) = text("idempotency-key") {
        fill_text(message, "request_id", key);
    }
    let Some(etag) = text(header::IF_MATCH.as_str()) else { return };
    if message.descriptor().get_field_by_name("etag").is_some() {
        return fill_text(message, "etag", etag);
    }
    let present: Vec<_> = message.fields().map(|(field, _)| field).collect();
    for field in present {
        if let Value::Message(inner) = message.get_field_mut(&field)
            && inner.descriptor().get_field_by_name("etag").is_some()
        {
            fill_text(inner, "etag", etag.clone());
        }
    }
}

/// Whether a route takes `If-Match`, because it changes an existing object.
pub(crate) fn takes_if_match(route: &Route) -> bool {
    let in_body = |name: &str| match route.method.input().get_field_by_name(name).map(|field| field.kind()) {
        Some(Kind::Message(inner)) => inner.get_field_by_name("etag").is_some(),
        _ => false,
    };
    route.method.input().get_field_by_name("etag").is_some()
        || (route.verb == Method::PATCH && matches!(&route.body, BodyTo::Field(name) if in_body(name)))
}

fn fill_text(message: &mut DynamicMessage, field: &str, text: String) {
    if message.get_field_by_name(field).is_some_and(|v| v.as_str() == Some("")) {
        message.set_field_by_name(field, Value::String(text));
    }
}

/// Returns the etag of the resource in an answer.
pub(crate) fn etag(message: &DynamicMessage) -> Option<HeaderValue> {
    let etag = message.get_field_by_name("etag")?;
    let text = etag.as_str().filter(|t| !t.is_empty())?;
    HeaderValue::from_str(text).ok()
}

/// Whether the caller already has this version.
pub(crate) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Some(known) = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) else { return false };
    let etag = etag.to_str().unwrap_or_default();
    known.split(',').map(str::trim).any(|k| k == "*" || k.trim_start_matches("W/") == etag)
}
