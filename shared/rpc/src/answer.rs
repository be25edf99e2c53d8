//! From a request to an operation, and from its result to an answer.

use std::{collections::HashMap, time::Duration};

use stoa_kernel::{Cx, Error, Kind, Reason, Result};
use stoa_proto::common::v1::ErrorReason;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::arrival;

/// `ErrorInfo.domain` of every failure of the suite.
const DOMAIN: &str = "stoa";
/// Maximum number of fields that one answer names. Clients limit the size of
/// headers.
pub const FIELDS_MAX: usize = 50;
/// Maximum length of an answer's message, in bytes.
const MESSAGE_BYTES_MAX: usize = 2000;

/// Splits a request into the context that access made and the
/// message.
///
/// # Errors
/// INTERNAL if the request did not come through the door.
pub fn enter<T>(request: Request<T>) -> Result<(Cx, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    match extensions.remove::<Cx>() {
        Some(cx) => Ok((cx, message)),
        None => Err(status(Error::internal("the request has no context: it did not come through the door"))),
    }
}

/// Converts a result to an answer.
///
/// # Errors
/// The failure of the result, as [`status`] writes it.
pub fn answer<T>(result: Result<T>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(status)
}

/// Converts a failure to an answer. The cause of a fault is logged here, once,
/// and goes no further: the caller gets the request ID to find it by.
#[must_use]
pub fn status(error: Error) -> Status {
    let mut details = ErrorDetails::new();
    let mut message = shortened(error.message());
    let mut metadata: HashMap<String, String> = error.metadata().iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    if matches!(error.kind(), Kind::Internal | Kind::Unavailable) {
        let id = arrival::request_id();
        let cause = error.cause().unwrap_or("unknown");
        tracing::error!(reason = %error.reason(), cause, request_id = id, "a request failed");
        if !id.is_empty() {
            message = format!("{message} (request ID {id})");
            metadata.insert("request_id".to_owned(), id.clone());
            details.set_request_info(id, "");
        }
    }
    details.set_error_info(error.reason().as_str(), DOMAIN, metadata);
    for field in error.fields().iter().take(FIELDS_MAX) {
        details.add_bad_request_violation(field.field.clone(), field.message.clone());
    }
    if let Some(millis) = error.retry_after() {
        details.set_retry_info(Some(Duration::from_millis(millis)));
    }
    Status::with_error_details(code(error.kind()), message, details)
}

/// Converts the answer of another service back to a failure.
#[must_use]
pub fn error(status: &Status) -> Error {
    let kind = kind(status.code());
    let details = status.get_error_details();
    let info = details.error_info();
    let reason = info.and_then(|info| Reason::named(&info.reason)).unwrap_or_else(|| reason(kind));
    let mut error = match kind {
        Kind::Internal => Error::internal(format!("a service answered {:?}: {}", status.code(), status.message())),
        Kind::Unavailable => Error::unavailable(format!("a service answered {:?}: {}", status.code(), status.message())),
        kind => Error::new(kind, reason, status.message()),
    };
    error = error.with_reason(reason);
    for violation in details.bad_request().map(|b| b.field_violations.as_slice()).unwrap_or_default() {
        error = error.with_field(violation.field.clone(), violation.description.clone());
    }
    for (key, value) in info.map(|info| info.metadata.iter().collect::<Vec<_>>()).unwrap_or_default() {
        // The ID of the inner request is in the log. The caller gets its own.
        if key != "request_id" {
            error = error.with_metadata(key.clone(), value.clone());
        }
    }
    match details.retry_info().and_then(|r| r.retry_delay) {
        Some(delay) => error.retry_after_ms(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        None => error,
    }
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::InvalidArgument => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::FailedPrecondition => Code::FailedPrecondition,
        Kind::Aborted => Code::Aborted,
        Kind::PermissionDenied => Code::PermissionDenied,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::ResourceExhausted => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::DeadlineExceeded => Code::DeadlineExceeded,
        Kind::Internal => Code::Internal,
    }
}

fn kind(code: Code) -> Kind {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Kind::InvalidArgument,
        Code::NotFound => Kind::NotFound,
        Code::AlreadyExists => Kind::AlreadyExists,
        Code::FailedPrecondition => Kind::FailedPrecondition,
        Code::Aborted => Kind::Aborted,
        Code::PermissionDenied => Kind::PermissionDenied,
        Code::Unauthenticated => Kind::Unauthenticated,
        Code::ResourceExhausted => Kind::ResourceExhausted,
        // The other side gave up or its connection broke: worth a retry.
        Code::Unavailable | Code::Cancelled => Kind::Unavailable,
        Code::DeadlineExceeded => Kind::DeadlineExceeded,
        Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => Kind::Internal,
    }
}

/// The reason if a status carries none because it was not written by the suite.
fn reason(kind: Kind) -> Reason {
    let reason = match kind {
        Kind::InvalidArgument => ErrorReason::InvalidField,
        Kind::NotFound => ErrorReason::NotFound,
        Kind::AlreadyExists => ErrorReason::AlreadyExists,
        Kind::FailedPrecondition => ErrorReason::StateInvalid,
        Kind::Aborted => ErrorReason::Contention,
        Kind::PermissionDenied => ErrorReason::PermissionMissing,
        Kind::Unauthenticated => ErrorReason::TokenInvalid,
        Kind::ResourceExhausted => ErrorReason::Overloaded,
        Kind::Unavailable => ErrorReason::Unavailable,
        Kind::DeadlineExceeded => ErrorReason::DeadlineExceeded,
        Kind::Internal => ErrorReason::Internal,
    };
    reason.into()
}

fn shortened(message: &str) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message.to_owned();
    }
    let mut end = MESSAGE_BYTES_MAX;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 11] = [
        Kind::InvalidArgument,
        Kind::NotFound,
        Kind::AlreadyExists,
        Kind::FailedPrecondition,
        Kind::Aborted,
        Kind::PermissionDenied,
        Kind::Unauthenticated,
        Kind::ResourceExhausted,
        Kind::Unavailable,
        Kind::DeadlineExceeded,
        Kind::Internal,
    ];

    #[test]
    fn failures_survive_a_call_between_services() {
        for sent_kind in KINDS {
            let sent = Error::new(sent_kind, stoa_proto::sell::v1::ErrorReason::DealConflict, "do this instead")
                .with_field("deal.customer", "is taken")
                .with_metadata("deal", "deals/7")
                .retry_after_ms(1500);
            let got = error(&status(sent.clone()));
            assert_eq!(got.kind(), sent_kind);
            assert_eq!((got.reason(), got.fields(), got.metadata()), (sent.reason(), sent.fields(), sent.metadata()));
            assert_eq!(got.retry_after(), Some(1500));
            if !matches!(sent_kind, Kind::Internal | Kind::Unavailable) {
                assert_eq!(got.message(), "do this instead");
            }
        }
    }

    #[tokio::test]
    async fn faults_show_the_request_id_and_not_the_cause() {
        let told = arrival::scope("req-7".to_owned(), async { status(Error::internal("password=hunter2 at line 3")) }).await;
        assert_eq!(told.code(), Code::Internal);
        assert!(told.message().contains("req-7") && !told.message().contains("hunter2"), "{}", told.message());
        let details = told.get_error_details();
        assert_eq!(details.request_info().unwrap().request_id, "req-7");
        assert_eq!(details.error_info().unwrap().domain, "stoa");
        assert!(!String::from_utf8_lossy(told.details()).contains("hunter2"));
        // The ID of the inner request is not passed on as ours.
        assert!(error(&told).metadata().is_empty());
    }

    #[test]
    fn statuses_from_elsewhere_get_a_reason() {
        assert_eq!(error(&Status::unimplemented("x")).kind(), Kind::Internal);
        assert_eq!(error(&Status::cancelled("x")).reason(), "UNAVAILABLE");
        assert_eq!(error(&Status::not_found("x")).reason(), "NOT_FOUND");
        assert_eq!(error(&Status::aborted("x")).message(), "x");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert!(shortened(&"ä".repeat(5000)).ends_with("ä…"));
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn a_request_without_a_context_is_a_fault() {
        assert_eq!(enter(Request::new(())).unwrap_err().code(), Code::Internal);
    }
}
