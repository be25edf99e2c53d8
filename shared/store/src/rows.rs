//! What a write of one row came to.

use sea_orm::{DbErr, UpdateResult};
use stoa_kernel::{Error, Result};

use crate::{DbResult, is_unique_violation};

/// The outcome of an update that was bound to the version before.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH` where the object has another version by now; as the
/// database answers.
pub fn saved(done: Result<UpdateResult, DbErr>, name: &str) -> Result<()> {
    if done.db()?.rows_affected == 1 { Ok(()) } else { Err(Error::etag_mismatch(name)) }
}

/// The outcome of an insert.
///
/// # Errors
/// ALREADY_EXISTS naming the object where its key is taken; as the database
/// answers.
pub fn inserted<T>(done: Result<T, DbErr>, name: &str) -> Result<()> {
    match done {
        Err(e) if is_unique_violation(&e) => Err(Error::already_exists(name)),
        other => other.db().map(|_| ()),
    }
}
