//! Resource names (AIP-122): `partners/{partner}`, `programs/{program}/tiers/{tier}`.

use crate::Error;

/// The id in a name of one collection.
///
/// # Errors
/// INVALID_ARGUMENT naming `field` where the name is not `{collection}/{id}`.
pub fn id<'a>(field: &str, collection: &str, name: &'a str) -> Result<&'a str, Error> {
    name.strip_prefix(collection)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|id| is_id(id))
        .ok_or_else(|| Error::invalid(field, format!("must be `{collection}/{{id}}`, is `{name}`")))
}

/// The id in a name, or empty where the name is empty.
///
/// # Errors
/// As [`id`].
pub fn optional_id<'a>(field: &str, collection: &str, name: &'a str) -> Result<&'a str, Error> {
    if name.is_empty() { Ok("") } else { id(field, collection, name) }
}

/// The two ids in a nested name.
///
/// # Errors
/// INVALID_ARGUMENT naming `field`.
pub fn nested<'a>(field: &str, outer: &str, inner: &str, name: &'a str) -> Result<(&'a str, &'a str), Error> {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [o, a, i, b] if *o == outer && *i == inner && is_id(a) && is_id(b) => Ok((a, b)),
        _ => Err(Error::invalid(field, format!("must be `{outer}/{{id}}/{inner}/{{id}}`, is `{name}`"))),
    }
}

/// The name of an id.
#[must_use]
pub fn name(collection: &str, id: &str) -> String {
    format!("{collection}/{id}")
}

/// The last part of a name that a store of ours wrote; empty for an empty name.
#[must_use]
pub fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(id("name", "partners", "partners/acme").unwrap(), "acme");
        assert_eq!(nested("name", "programs", "tiers", "programs/p/tiers/gold").unwrap(), ("p", "gold"));
        for bad in ["", "partners/", "deals/acme", "partners/a/b", "partners/a b"] {
            assert_eq!(id("name", "partners", bad).unwrap_err().fields()[0].field, "name", "{bad}");
        }
    }
}
