//! Etags: the version of an object as callers carry it (AIP-154).

use stoa_proto::resource::Aggregate;

use crate::Error;

/// The etag of a version.
#[must_use]
pub fn of_version(version: i64) -> String {
    format!("\"{version:x}\"")
}

/// The version in an etag that one of our stores wrote. 0 if there is none.
#[must_use]
pub fn version(etag: &str) -> i64 {
    i64::from_str_radix(etag.trim_matches('"'), 16).unwrap_or_default()
}

/// The etag of the version after the one in `etag`.
#[must_use]
pub fn next(etag: &str) -> String {
    of_version(version(etag) + 1)
}

/// Checks the etag that a caller sent. An empty etag and `*` always pass.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH`.
pub fn check(name: &str, etag: &str, version: i64) -> Result<(), Error> {
    let etag = etag.trim().trim_start_matches("W/");
    let bare = etag.trim_matches('"');
    if etag.is_empty() || etag == "*" || bare == format!("{version:x}") { Ok(()) } else { Err(Error::etag_mismatch(name)) }
}

/// Checks the etag that a caller sent against that of a resource.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH`.
pub fn require(current: &impl Aggregate, etag: &str) -> Result<(), Error> {
    check(current.resource_name(), etag, version(current.etag()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_version_passes() {
        assert!(check("programs/a", "", 3).is_ok());
        assert!(check("programs/a", &of_version(3), 3).is_ok());
        assert_eq!(check("programs/a", &of_version(2), 3).unwrap_err().reason(), "ETAG_MISMATCH");
        assert_eq!(check("programs/a", "nonsense", 3).unwrap_err().reason(), "ETAG_MISMATCH");
    }
}
