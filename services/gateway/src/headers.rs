//! Headers that pass between HTTP and gRPC metadata, and headers that set fields of
//! the request.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use prost_reflect::{DynamicMessage, Kind, ReflectMessage, Value};
use stoa_kernel::Error;
use stoa_rpc::LINK_HEADER;
use tonic::metadata::MetadataMap;

use crate::{
    parameter,
    route::{BodyTo, Route},
};

/// Request headers that are forwarded to the service.
const FORWARDED: [&str; 9] = [
    "authorization",
    "x-request-id",
    "traceparent",
    "tracestate",
    "grpc-timeout",
    LINK_HEADER,
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// Puts the signed link in the path of a request into its metadata.
pub(crate) fn take_link(route: &Route, variables: &[(&str, String)], headers: &mut HeaderMap) {
    let link = variables.iter().find(|(field, _)| *field == "link").and_then(|(_, link)| HeaderValue::from_str(link).ok());
    if let (true, Some(mut link)) = (route.is_signed, link) {
        link.set_sensitive(true);
        headers.insert(LINK_HEADER, link);
    }
}

/// Longest value of a header that sets a field, which is the limit of request IDs
/// and etags, in bytes.
pub const VALUE_BYTES_MAX: usize = 100;

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

/// Sets fields from headers: the request ID from `Idempotency-Key`, the etag of
/// the request or of the resource in it from `If-Match`, and the field by which
/// the route's stream is resumed from `Last-Event-ID`. The last one replaces what
/// the message holds; for the others, values in the message take precedence.
///
/// # Errors
/// INVALID_ARGUMENT with the header, if it cannot be used. A header that was
/// dropped would leave a caller believing, for example, that a retry is safe.
pub(crate) fn fill(message: &mut DynamicMessage, route: &Route, headers: &HeaderMap) -> Result<(), Error> {
    if let Some(key) = text(headers, "Idempotency-Key")? {
        fill_text(message, "request_id", key);
    }
    if let Some(etag) = text(headers, "If-Match")? {
        fill_etag(message, etag);
    }
    for known in headers.get_all(header::IF_NONE_MATCH) {
        known.to_str().map_err(|_| unreadable("If-None-Match"))?;
    }
    if let (Some(field), Some(last)) = (&route.resume, text(headers, "Last-Event-ID")?) {
        parameter::set(message, field, last).map_err(|_| Error::invalid("Last-Event-ID", "must be the id of an event of this stream"))?;
    }
    Ok(())
}

/// The value of a header that may be sent once.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::invalid(name, "is there twice. Send it once."));
    }
    let text = value.to_str().map_err(|_| unreadable(name))?;
    match text.len() {
        0 => Err(Error::invalid(name, "must not be empty. Give it a value or leave it out.")),
        1..=VALUE_BYTES_MAX => Ok(Some(text)),
        bytes => Err(Error::invalid(name, format!("must have at most {VALUE_BYTES_MAX} characters, not {bytes}"))),
    }
}

fn unreadable(name: &str) -> Error {
    Error::invalid(name, "must consist of visible ASCII characters")
}

fn fill_etag(message: &mut DynamicMessage, etag: &str) {
    if message.descriptor().get_field_by_name("etag").is_some() {
        return fill_text(message, "etag", etag);
    }
    let present: Vec<_> = message.fields().map(|(field, _)| field).collect();
    for field in present {
        if let Value::Message(inner) = message.get_field_mut(&field)
            && inner.descriptor().get_field_by_name("etag").is_some()
        {
            fill_text(inner, "etag", etag);
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

fn fill_text(message: &mut DynamicMessage, field: &str, text: &str) {
    if message.get_field_by_name(field).is_some_and(|v| v.as_str() == Some("")) {
        message.set_field_by_name(field, Value::String(text.to_owned()));
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
    let etag = etag.to_str().unwrap_or_default();
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).map(str::trim).any(|k| k == "*" || k.trim_start_matches("W/") == etag)
}
