//! Failures, independent of any transport. `stoa-rpc` turns them into statuses.

use std::{borrow::Cow, fmt};

use stoa_proto::common::v1::ErrorReason;

use crate::Reason;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure, which decides the status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A field is wrong.
    InvalidArgument,
    /// The object does not exist, or the caller may not see it.
    NotFound,
    /// The object already exists.
    AlreadyExists,
    /// The state of the object does not allow the operation.
    FailedPrecondition,
    /// Somebody else changed the object: read it again and retry.
    Aborted,
    /// The caller may not do this.
    PermissionDenied,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller asks for too much: wait and retry.
    ResourceExhausted,
    /// A dependency cannot be reached: retry.
    Unavailable,
    /// The deadline passed.
    DeadlineExceeded,
    /// An internal error.
    Internal,
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A failure: what the caller sees, and separately the cause, for the log only.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    reason: Reason,
    message: String,
    fields: Vec<FieldError>,
    metadata: Vec<(Cow<'static, str>, String)>,
    retry_after_ms: Option<u64>,
    cause: Option<String>,
}

impl Error {
    /// Creates a failure. `reason` is a value of an `ErrorReason` enum;
    /// `message` says what is wrong and what to do.
    #[must_use]
    pub fn new(kind: Kind, reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            reason: reason.into(),
            message: message.into(),
            fields: Vec::new(),
            metadata: Vec::new(),
            retry_after_ms: None,
            cause: None,
        }))
    }

    /// A wrong field. `message` continues the sentence "{field} …".
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut error = Self::new(Kind::InvalidArgument, ErrorReason::InvalidField, format!("{field} {message}"));
        error.0.fields.push(FieldError { field, message });
        error
    }

    /// An object that does not exist, or that the caller may not see: the
    /// answer is the same.
    #[must_use]
    pub fn not_found(name: &str) -> Self {
        Self::new(Kind::NotFound, ErrorReason::NotFound, format!("{name} does not exist. Check its name."))
    }

    /// A reference to an object that does not exist.
    #[must_use]
    pub fn reference_not_found(field: impl Into<String>, name: &str) -> Self {
        let field = field.into();
        let message = format!("refers to {name}, which does not exist. Create it first or correct the name.");
        let mut error = Self::new(Kind::FailedPrecondition, ErrorReason::ReferenceNotFound, format!("{field} {message}"));
        error.0.fields.push(FieldError { field, message });
        error
    }

    /// A name that is already taken.
    #[must_use]
    pub fn already_exists(name: &str) -> Self {
        Self::new(Kind::AlreadyExists, ErrorReason::AlreadyExists, format!("{name} already exists. Choose another ID or update it."))
    }

    /// A state that does not allow the operation.
    #[must_use]
    pub fn precondition(reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self::new(Kind::FailedPrecondition, reason, message)
    }

    /// A transition that does not start from the state of the object.
    #[must_use]
    pub fn state(name: &str, is: &str, needs: &str) -> Self {
        Self::precondition(ErrorReason::StateInvalid, format!("{name} is {is}, but this needs {needs}")).with_metadata("state", is)
    }

    /// An etag that is not the current one.
    #[must_use]
    pub fn etag_mismatch(name: &str) -> Self {
        let mut error = Self::new(
            Kind::Aborted,
            ErrorReason::EtagMismatch,
            format!("{name} has changed since it was read. Read it again and retry with its etag."),
        );
        error.0.fields.push(FieldError { field: "etag".to_owned(), message: "is not the current one".to_owned() });
        error
    }

    /// A dependency that cannot be reached. The cause goes to the log.
    #[must_use]
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        let mut error = Self::new(Kind::Unavailable, ErrorReason::Unavailable, "the service cannot answer right now. Retry.");
        error.0.cause = Some(cause.to_string());
        error.0.retry_after_ms = Some(1000);
        error
    }

    /// An internal error. The cause goes to the log.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut error = Self::new(
            Kind::Internal,
            ErrorReason::Internal,
            "the request failed because of an internal error. Give the request ID to support.",
        );
        error.0.cause = Some(cause.to_string());
        error
    }

    /// Replaces the reason.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Reason>) -> Self {
        self.0.reason = reason.into();
        self
    }

    /// Adds a field that is wrong.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.fields.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds a fact that programs can read.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.metadata.push((key.into(), value.into()));
        self
    }

    /// Puts every field path below `prefix`.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        for field in &mut self.0.fields {
            field.field = format!("{prefix}.{}", field.field);
        }
        self
    }

    /// Sets the time after which to retry.
    #[must_use]
    pub fn retry_after_ms(mut self, millis: u64) -> Self {
        self.0.retry_after_ms = Some(millis);
        self
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The reason, as in `ErrorInfo.reason`.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// What the caller sees.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fields that are wrong.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Facts that programs can read.
    #[must_use]
    pub fn metadata(&self) -> &[(Cow<'static, str>, String)] {
        &self.0.metadata
    }

    /// The time after which to retry, in milliseconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.0.retry_after_ms
    }

    /// The cause, for the log only.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Whether the same call, unchanged, may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, Kind::Unavailable | Kind::Aborted | Kind::DeadlineExceeded | Kind::ResourceExhausted)
    }
}

/// Writes what the caller sees, never the cause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message, self.0.reason)
    }
}

impl std::error::Error for Error {}
