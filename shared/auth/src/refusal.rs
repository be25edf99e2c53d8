//! Why a caller is refused, and the complete response that says so. A layer
//! that returned an `Err` would reach the client without a status or reason.

use std::{collections::HashMap, time::Duration};

use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The failure for a caller that is not authenticated.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Unauthenticated, ErrorReason::TokenInvalid, message)
}

/// The failure for a known caller that may not do this.
pub(crate) fn denied(reason: impl Into<stoa_kernel::Reason>, message: impl Into<String>) -> Error {
    Error::new(Kind::PermissionDenied, reason, message)
}

/// A complete gRPC response.
pub(crate) fn response(error: &Error) -> http::Response<Body> {
    let code = match error.kind() {
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::PermissionDenied => Code::PermissionDenied,
        Kind::Unavailable => Code::Unavailable,
        _ => Code::Internal,
    };
    let metadata: HashMap<String, String> = error.metadata().iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    let mut details = ErrorDetails::with_error_info(error.reason().as_str(), "stoa", metadata);
    if let Some(millis) = error.retry_after() {
        details.set_retry_info(Some(Duration::from_millis(millis)));
    }
    Status::with_error_details(code, error.message(), details).into_http()
}
