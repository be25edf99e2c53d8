//! IDs of resources and events.

use crate::{Error, Timestamp};

/// Creates an ID. IDs are UUIDv7, so that they sort by creation.
#[must_use]
pub fn new_id() -> String {
    #[expect(clippy::disallowed_methods, reason = "the one place that creates IDs")]
    uuid::Uuid::now_v7().to_string()
}

/// The ID that the caller chose, or a new one.
///
/// # Errors
/// INVALID_ARGUMENT naming `field` unless the ID has at most 63 characters, all
/// lowercase letters, digits and hyphens, and does not start with a hyphen
/// (AIP-133).
pub(crate) fn chosen_or_new(field: &str, chosen: &str) -> Result<String, Error> {
    if chosen.is_empty() {
        return Ok(new_id());
    }
    let is_valid =
        chosen.len() <= 63 && chosen.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !chosen.starts_with('-');
    if is_valid {
        Ok(chosen.to_owned())
    } else {
        Err(Error::invalid(
            field,
            "must have at most 63 characters, all lowercase letters, digits and hyphens, and start with a letter or digit",
        ))
    }
}

/// An ID that is always the same for the same parts: the business key of an
/// effect.
#[must_use]
pub fn derived(parts: &[&str]) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&context.finish().as_ref()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// When an ID was created, if it is a UUIDv7.
#[must_use]
pub fn time_of(id: &str) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    Some(Timestamp::from_micros(i64::try_from(seconds).ok()?.checked_mul(1_000_000)? + i64::from(nanos / 1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_ids_are_checked() {
        assert_eq!(chosen_or_new("partner_id", "acme-7").unwrap(), "acme-7");
        assert!(!chosen_or_new("partner_id", "").unwrap().is_empty());
        for bad in ["Acme", "a/b", "-a", &"a".repeat(64)] {
            assert_eq!(chosen_or_new("partner_id", bad).unwrap_err().fields()[0].field, "partner_id", "{bad}");
        }
    }

    #[test]
    fn derived_ids_depend_on_every_part() {
        assert_eq!(derived(&["a", "b"]), derived(&["a", "b"]));
        assert_ne!(derived(&["a", "b"]), derived(&["ab", ""]));
    }
}
