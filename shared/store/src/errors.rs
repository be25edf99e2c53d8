//! Database errors by class. The caller sees the class; the database's text
//! goes to the log.

use prost::Message;
use sea_orm::{DbErr, RuntimeErr, SqlErr, SqlxError};
use stoa_kernel::{Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;

/// Converts the result of a database to ours, by class.
pub trait DbResult<T> {
    /// The value, or the failure by class: ALREADY_EXISTS, REFERENCE_NOT_FOUND,
    /// CONTENTION, UNAVAILABLE or INTERNAL.
    ///
    /// # Errors
    /// If the database failed.
    fn db(self) -> Result<T>;
}

impl<T> DbResult<T> for Result<T, DbErr> {
    fn db(self) -> Result<T> {
        self.map_err(|e| classify(&e))
    }
}

/// Whether a unique key was taken. Only an operation that expects this knows
/// which name to answer with.
#[must_use]
pub fn is_unique_violation(e: &DbErr) -> bool {
    class(e) == Class::Unique
}

/// Reads a document that one of our stores wrote.
///
/// # Errors
/// INTERNAL, naming table and ID in the log, if the bytes are not such a
/// document.
pub fn decode<M: Message + Default>(table: &str, id: &str, bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|e| Error::internal(format!("inconsistent: document of {table} {id}: {e}")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Unique,
    ForeignKey,
    Contention,
    Unavailable,
    Fault,
}

pub(crate) fn classify(e: &DbErr) -> Error {
    match class(e) {
        Class::Unique => {
            tracing::debug!(error = %e, "a unique key is taken");
            Error::new(
                Kind::AlreadyExists,
                ErrorReason::AlreadyExists,
                "an object with the same key exists. Read it, or choose another key.",
            )
        }
        Class::ForeignKey => {
            tracing::debug!(error = %e, "a foreign key is violated");
            let message =
                "an object that this refers to does not exist, or another object still refers to this one. Correct the reference.";
            Error::precondition(ErrorReason::ReferenceNotFound, message)
        }
        Class::Contention => {
            tracing::debug!(error = %e, "contention");
            Error::new(Kind::Aborted, ErrorReason::Contention, "other writes kept taking precedence. Retry.").retry_after_ms(50)
        }
        Class::Unavailable => Error::unavailable(e),
        Class::Fault => Error::internal(e),
    }
}

/// Whether the same operation may succeed if it runs again at once.
pub(crate) fn is_contention(e: &Error) -> bool {
    e.kind() == Kind::Aborted && e.reason() == "CONTENTION"
}

fn class(e: &DbErr) -> Class {
    match e.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => return Class::Unique,
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => return Class::ForeignKey,
        _ => {}
    }
    match e {
        DbErr::ConnectionAcquire(_) => Class::Unavailable,
        DbErr::Conn(RuntimeErr::SqlxError(e)) if matches!(**e, SqlxError::Configuration(_)) => Class::Fault,
        DbErr::Conn(_) => Class::Unavailable,
        DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => match &**e {
            SqlxError::Database(e) => code_class(&e.code().unwrap_or_default()),
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::Protocol(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed => Class::Unavailable,
            _ => Class::Fault,
        },
        _ => Class::Fault,
    }
}

/// A SQLSTATE of PostgreSQL has five characters. An extended code of SQLite has
/// at most four digits, and its low byte is the primary code.
fn code_class(code: &str) -> Class {
    if code.len() != 5 {
        let code = code.parse::<u32>().unwrap_or_default();
        return match (code, code & 0xff) {
            // RESTRICT reports itself as a trigger.
            (1811, _) => Class::ForeignKey,
            (_, 5 | 6) => Class::Contention,
            // I/O error, disk full, cannot open.
            (_, 10 | 13 | 14) => Class::Unavailable,
            _ => Class::Fault,
        };
    }
    match code {
        // Serialization, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Class::Contention,
        // RESTRICT.
        "23001" => Class::ForeignKey,
        // Read-only standby after a switch, a statement canceled by a timeout.
        "25006" | "57014" => Class::Unavailable,
        // Connection, resources, shutting down, system error.
        _ if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Class::Unavailable,
        _ => Class::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_a_class() {
        for (code, class) in [
            ("5", Class::Contention),
            ("517", Class::Contention),
            ("262", Class::Contention),
            ("13", Class::Unavailable),
            ("1811", Class::ForeignKey),
            ("1299", Class::Fault),
            ("8", Class::Fault),
            ("40001", Class::Contention),
            ("40P01", Class::Contention),
            ("57P01", Class::Unavailable),
            ("53300", Class::Unavailable),
            ("23502", Class::Fault),
            ("25P02", Class::Fault),
            ("", Class::Fault),
        ] {
            assert_eq!(code_class(code), class, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_is_unavailable_and_our_own_mistakes_are_internal() {
        use sea_orm::ConnAcquireErr;
        use std::sync::Arc;
        let pool = |e| DbErr::Query(RuntimeErr::SqlxError(Arc::new(e)));
        for e in [
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            pool(SqlxError::PoolTimedOut),
            pool(SqlxError::WorkerCrashed),
        ] {
            assert_eq!(classify(&e).kind(), Kind::Unavailable, "{e}");
        }
        for e in [DbErr::Custom("secret".to_owned()), DbErr::RecordNotUpdated, pool(SqlxError::RowNotFound)] {
            assert_eq!(classify(&e).kind(), Kind::Internal, "{e}");
            assert!(!classify(&e).to_string().contains("secret"));
        }
    }

    #[test]
    fn a_damaged_document_is_named_only_in_the_log() {
        let damaged = decode::<stoa_proto::common::v1::Money>("deal", "d1", &[0xff]).unwrap_err();
        assert!(damaged.cause().unwrap().contains("deal d1"));
        assert!(!damaged.to_string().contains("d1"));
    }
}
