//! The outcome of writing one row.

use sea_orm::{DbErr, ExecResult};
use stoa_kernel::{Error, Result};

use crate::{DbResult, is_unique_violation};

/// The outcome of a change that requires the previous version.
pub(crate) fn saved(done: Result<ExecResult, DbErr>, name: &str) -> Result<()> {
    if done.db()?.rows_affected() == 1 { Ok(()) } else { Err(Error::etag_mismatch(name)) }
}

/// The outcome of an insert. Fails with `taken` if a unique key is taken.
pub(crate) fn inserted<T>(done: Result<T, DbErr>, taken: impl FnOnce() -> Error) -> Result<()> {
    match done {
        Err(e) if is_unique_violation(&e) => Err(taken()),
        other => other.db().map(|_| ()),
    }
}
