//! Resource names (AIP-122): `partners/{partner}`, `programs/{program}/tiers/{tier}`.

use crate::Error;

/// The ID in a name of a collection.
///
/// # Errors
/// INVALID_ARGUMENT naming `field` if the name is not `{collection}/{id}`.
pub fn id<'a>(field: &str, collection: &str, name: &'a str) -> Result<&'a str, Error> {
    name.strip_prefix(collection)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|id| is_id(id))
        .ok_or_else(|| Error::invalid(field, format!("must be `{collection}/{{id}}`, is `{name}`")))
}

/// The ID in a name. Empty if the name is empty.
///
/// # Errors
/// As for [`id`].
pub fn optional_id<'a>(field: &str, collection: &str, name: &'a str) -> Result<&'a str, Error> {
    if name.is_empty() { Ok("") } else { id(field, collection, name) }
}

/// The two IDs in a nested name.
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

/// The IDs in a name of a pattern such as `programs/{program}/tiers/{tier}`,
/// joined by `/`: the key of its row. The name of a singleton, which has no ID,
/// is its own key.
///
/// # Errors
/// INVALID_ARGUMENT naming `field` if the name does not match the pattern.
pub fn key(field: &str, pattern: &str, name: &str) -> Result<String, Error> {
    let (mut wanted, mut given) = (pattern.split('/'), name.split('/'));
    let mut ids: Vec<&str> = Vec::new();
    let fits = loop {
        match (wanted.next(), given.next()) {
            (None, None) => break true,
            (Some(part), Some(id)) if part.starts_with('{') && is_id(id) => ids.push(id),
            (Some(part), Some(word)) if part == word => {}
            _ => break false,
        }
    };
    if !fits {
        return Err(Error::invalid(field, format!("must be `{}`, is `{name}`", shape(pattern))));
    }
    Ok(if ids.is_empty() { name.to_owned() } else { ids.join("/") })
}

/// A pattern as messages show it: with `{id}` for each of its IDs.
fn shape(pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('/').map(|part| if part.starts_with('{') { "{id}" } else { part }).collect();
    parts.join("/")
}

/// The name of the object with an ID in a collection.
#[must_use]
pub fn name(collection: &str, id: &str) -> String {
    format!("{collection}/{id}")
}

/// The last part of a name that one of our stores wrote. Empty for an empty
/// name.
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
    fn a_key_is_the_ids_of_a_name() {
        let tiers = "programs/{program}/tiers/{tier}";
        assert_eq!(key("name", tiers, "programs/channel/tiers/gold").unwrap(), "channel/gold");
        assert_eq!(key("name", "partners/{partner}", "partners/acme").unwrap(), "acme");
        assert_eq!(key("name", "tenantSettings", "tenantSettings").unwrap(), "tenantSettings");
        for bad in ["", "programs/channel", "programs/channel/tiers/", "programs/channel/tiers/a b", "programs/channel/tiers/gold/x"] {
            let error = key("name", tiers, bad).unwrap_err();
            assert_eq!(error.message(), format!("name must be `programs/{{id}}/tiers/{{id}}`, is `{bad}`"));
        }
        assert!(key("name", "tenantSettings", "settings").is_err());
    }

    #[test]
    fn ids_are_read_from_names() {
        assert_eq!(id("name", "partners", "partners/acme").unwrap(), "acme");
        assert_eq!(nested("name", "programs", "tiers", "programs/p/tiers/gold").unwrap(), ("p", "gold"));
        for bad in ["", "partners/", "deals/acme", "partners/a/b", "partners/a b"] {
            assert_eq!(id("name", "partners", bad).unwrap_err().fields()[0].field, "name", "{bad}");
        }
    }
}
