//! Why a caller is refused.

use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;

/// The failure for a caller that is not authenticated.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Unauthenticated, ErrorReason::TokenInvalid, message)
}

/// The failure for a known caller that may not do this.
pub(crate) fn denied(reason: impl Into<stoa_kernel::Reason>, message: impl Into<String>) -> Error {
    Error::new(Kind::PermissionDenied, reason, message)
}
