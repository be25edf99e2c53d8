//! What can go wrong, without any transport. `stoa-rpc` turns it into a status.

use std::{borrow::Cow, fmt};

use stoa_proto::common::v1::ErrorReason;

use crate::Reason;

/// Result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is; decides the status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A field is wrong.
    InvalidArgument,
    /// No such object, or none that the caller may see.
    NotFound,
    /// The object exists.
    AlreadyExists,
    /// The state of the object does not allow it.
    FailedPrecondition,
    /// Somebody else changed the object; read and retry.
    Aborted,
    /// The caller may not do this.
    PermissionDenied,
    /// The caller is not known.
    Unauthenticated,
    /// Too much is asked for; wait and retry.
    ResourceExhausted,
    /// Something that is needed cannot be reached; retry.
    Unavailable,
    /// Time ran out.
    DeadlineExceeded,
    /// A fault of ours.
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

/// A failure: what the caller is told, and apart from it what only the log is.
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
    /// A failure of a kind. `reason` is a value of an `ErrorReason` enum;
    /// `message` says what to do.
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

    /// A field is wrong: `message` continues «{field} …».
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut error = Self::new(Kind::InvalidArgument, ErrorReason::InvalidField, format!("{field} {message}"));
        error.0.fields.push(FieldError { field, message });
        error
    }

    /// No such object, or none that the caller may see: the answer is the same.
    #[must_use]
    pub fn not_found(name: &str) -> Self {
        Self::new(Kind::NotFound, ErrorReason::NotFound, format!("{name} does not exist; check its name"))
    }

    /// An object that the request refers to does not exist.
    #[must_use]
    pub fn reference_not_found(field: impl Into<String>, name: &str) -> Self {
        let field = field.into();
        let message = format!("refers to {name}, which does not exist; create it first or correct the name");
        let mut error = Self::new(Kind::FailedPrecondition, ErrorReason::ReferenceNotFound, format!("{field} {message}"));
        error.0.fields.push(FieldError { field, message });
        error
    }

    /// An object with this name exists.
    #[must_use]
    pub fn already_exists(name: &str) -> Self {
        Self::new(Kind::AlreadyExists, ErrorReason::AlreadyExists, format!("{name} exists; choose another id or update it"))
    }

    /// The state does not allow it.
    #[must_use]
    pub fn precondition(reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self::new(Kind::FailedPrecondition, reason, message)
    }

    /// The transition does not lead from the state the object is in.
    #[must_use]
    pub fn state(name: &str, is: &str, needs: &str) -> Self {
        Self::precondition(ErrorReason::StateInvalid, format!("{name} is {is}; this needs {needs}")).with_metadata("state", is)
    }

    /// The etag is not the current one.
    #[must_use]
    pub fn etag_mismatch(name: &str) -> Self {
        let mut error = Self::new(
            Kind::Aborted,
            ErrorReason::EtagMismatch,
            format!("{name} was changed meanwhile; read it again and retry with its etag"),
        );
        error.0.fields.push(FieldError { field: "etag".to_owned(), message: "is not the current one".to_owned() });
        error
    }

    /// Something that is needed cannot be reached. The cause goes to the log.
    #[must_use]
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        let mut error = Self::new(Kind::Unavailable, ErrorReason::Unavailable, "the service cannot answer right now; retry");
        error.0.cause = Some(cause.to_string());
        error.0.retry_after_ms = Some(1000);
        error
    }

    /// A fault of ours. The cause goes to the log.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut error =
            Self::new(Kind::Internal, ErrorReason::Internal, "the request failed by a fault of ours; give the request id to support");
        error.0.cause = Some(cause.to_string());
        error
    }

    /// The same failure with another reason.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Reason>) -> Self {
        self.0.reason = reason.into();
        self
    }

    /// The same failure naming a field, too.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.fields.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// The same failure with a fact that programs can read.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.metadata.push((key.into(), value.into()));
        self
    }

    /// The same failure with every field path below `prefix`.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        for field in &mut self.0.fields {
            field.field = format!("{prefix}.{}", field.field);
        }
        self
    }

    /// The same failure, to be retried after a time.
    #[must_use]
    pub fn retry_after_ms(mut self, millis: u64) -> Self {
        self.0.retry_after_ms = Some(millis);
        self
    }

    /// Kind of failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Reason, as in `ErrorInfo.reason`.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// What the caller is told.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Fields that are wrong.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Facts that programs can read.
    #[must_use]
    pub fn metadata(&self) -> &[(Cow<'static, str>, String)] {
        &self.0.metadata
    }

    /// When to retry, in milliseconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.0.retry_after_ms
    }

    /// What only the log is told.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Whether the same call may succeed later without any change to it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, Kind::Unavailable | Kind::Aborted | Kind::DeadlineExceeded | Kind::ResourceExhausted)
    }
}

/// The caller's view: never the cause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message, self.0.reason)
    }
}

impl std::error::Error for Error {}
