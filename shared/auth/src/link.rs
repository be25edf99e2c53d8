//! Signed links: what somebody without a token may do to one object, and until when.
//!
//! A form, an unsubscribe link or an invitation to sign carries such a link. Whoever
//! has it may do what it says, so it names one object and one permission, and ends.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use stoa_kernel::{Error, Kind, Result, Timestamp};
use stoa_proto::common::v1::ErrorReason;

/// Bytes of the signature.
const MAC_BYTES: usize = 32;
/// Maximum length of a link in characters.
pub const LINK_CHARS_MAX: usize = 1024;
/// Separates the parts of a link. No part contains it.
const SEPARATOR: char = '\u{1f}';

/// What a link allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Tenant of the object.
    pub tenant: String,
    /// Name of the object, for example `forms/spring`.
    pub object: String,
    /// What may be done to it, as `noun.verb`.
    pub permission: String,
    /// The person that the link was made for, `persons/{person}`. Empty if it is
    /// for whoever has it.
    pub person: String,
    /// When it ends, in wall time.
    pub expires: Timestamp,
}

/// The key that links are signed with.
#[derive(Clone)]
pub struct LinkKey {
    signs: hmac::Key,
    /// Keys that signed before.
    former: Vec<hmac::Key>,
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    /// Creates a key from a secret. Links that were signed with one of the former
    /// secrets still open.
    #[must_use]
    pub fn new(secret: &[u8], former: &[Vec<u8>]) -> Self {
        let key = |secret: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { signs: key(secret), former: former.iter().map(|secret| key(secret)).collect() }
    }

    /// Signs a link. The result consists of characters that a URL may contain.
    ///
    /// # Errors
    /// INTERNAL if a part has characters that separate parts.
    pub fn sign(&self, link: &Link) -> Result<String> {
        let expires = link.expires.micros().to_string();
        let parts = [&link.tenant, &link.object, &link.permission, &link.person, &expires];
        if parts.iter().any(|part| part.contains(SEPARATOR)) {
            return Err(Error::internal("a part of a link contains a separator"));
        }
        let body = parts.map(String::as_str).join(&SEPARATOR.to_string());
        let mut bytes = hmac::sign(&self.signs, body.as_bytes()).as_ref().to_vec();
        bytes.extend_from_slice(body.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a link for a permission. `now` is wall time.
    ///
    /// # Errors
    /// UNAUTHENTICATED `LINK_INVALID`. A link that has ended says so: its holder
    /// can ask for a new one.
    pub fn open(&self, text: &str, permission: &str, now: Timestamp) -> Result<Link> {
        let link = self.read(text).filter(|link| link.permission == permission);
        let link = link.ok_or_else(|| invalid("the link is damaged, or was made for something else. Ask for a new one."))?;
        if link.expires <= now {
            return Err(invalid("the link has expired. Ask for a new one."));
        }
        Ok(link)
    }

    /// The secrets of the webhooks that are sent to an object: the one to hand out,
    /// and those that were handed out before.
    pub fn webhook_secrets(&self, tenant: &str, object: &str) -> impl Iterator<Item = Vec<u8>> {
        let body = ["webhook", tenant, object].join(&SEPARATOR.to_string());
        self.keys().map(move |key| hmac::sign(key, body.as_bytes()).as_ref().to_vec())
    }

    fn keys(&self) -> impl Iterator<Item = &hmac::Key> {
        std::iter::once(&self.signs).chain(&self.former)
    }

    fn read(&self, text: &str) -> Option<Link> {
        if text.len() > LINK_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (mac, body) = bytes.split_at_checked(MAC_BYTES)?;
        self.keys().find(|key| verify_slices_are_equal(mac, hmac::sign(key, body).as_ref()).is_ok())?;
        let mut parts = std::str::from_utf8(body).ok()?.split(SEPARATOR).map(str::to_owned);
        let mut part = || parts.next();
        Some(Link {
            tenant: part()?,
            object: part()?,
            permission: part()?,
            person: part()?,
            expires: Timestamp::from_micros(part()?.parse().ok()?),
        })
    }
}

/// The failure of a request whose link or signature is not valid.
pub(crate) fn invalid(message: &str) -> Error {
    Error::new(Kind::Unauthenticated, ErrorReason::LinkInvalid, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link() -> Link {
        Link {
            tenant: "acme".to_owned(),
            object: "forms/spring".to_owned(),
            permission: "forms.submit".to_owned(),
            person: String::new(),
            expires: Timestamp::from_micros(1_000_000),
        }
    }

    fn key() -> LinkKey {
        LinkKey::new(b"secret", &[])
    }

    const BEFORE: Timestamp = Timestamp::from_micros(999_999);

    #[test]
    fn a_link_opens_its_object_for_its_permission_until_it_ends() {
        let text = key().sign(&link()).unwrap();
        assert_eq!(key().open(&text, "forms.submit", BEFORE).unwrap(), link());
        let refused = |text: &str, permission: &str, now| {
            let error = key().open(text, permission, now).unwrap_err();
            assert_eq!((error.kind(), error.reason().as_str()), (Kind::Unauthenticated, "LINK_INVALID"));
            error.message().to_owned()
        };
        assert!(refused(&text, "forms.submit", link().expires).contains("expired"));
        assert!(refused(&text, "forms.read", BEFORE).contains("something else"));
        assert!(LinkKey::new(b"other", &[]).open(&text, "forms.submit", BEFORE).is_err());
        assert!(LinkKey::new(b"other", &[b"secret".to_vec()]).open(&text, "forms.submit", BEFORE).is_ok(), "a key can be replaced");
        for damaged in ["", "x", &"x".repeat(5000), &text[1..], &format!("{text}A")] {
            refused(damaged, "forms.submit", BEFORE);
        }
    }

    #[test]
    fn each_object_has_a_webhook_secret_of_its_own() {
        let secrets = |tenant: &str, object: &str| key().webhook_secrets(tenant, object).collect::<Vec<_>>();
        assert_eq!(secrets("acme", "forms/spring"), secrets("acme", "forms/spring"));
        for (tenant, object) in [("acme", "forms/autumn"), ("globex", "forms/spring")] {
            assert_ne!(secrets("acme", "forms/spring"), secrets(tenant, object));
        }
        assert!(key().sign(&Link { object: "forms/\u{1f}".to_owned(), ..link() }).is_err());
    }

    proptest! {
        #[test]
        fn no_changed_link_opens(at in 0_usize..100, bit in 0_u8..6) {
            let mut bytes = URL_SAFE_NO_PAD.decode(key().sign(&link()).unwrap()).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(key().open(&URL_SAFE_NO_PAD.encode(bytes), "forms.submit", BEFORE).is_err());
        }
    }
}
