//! Tokens that were verified a short time ago. A signature is not checked again for
//! every request of a caller.

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;
use stoa_kernel::Timestamp;

use crate::Identity;

/// Maximum number of tokens.
const TOKENS_MAX: usize = 20_000;
/// Time after which a token is verified again, so that a withdrawn key is refused soon.
const AGE_MAX_MICROS: i64 = 60_000_000;

/// A token is kept as its hash, so that a copy of the memory shows no token.
type Hash = [u8; 32];

#[derive(Clone)]
struct Entry {
    identity: Identity,
    verified: Timestamp,
}

/// Verified tokens and their callers.
pub(crate) struct Verified(Cache<Hash, Entry>);

impl Default for Verified {
    fn default() -> Self {
        Self(Cache::new(TOKENS_MAX))
    }
}

impl Verified {
    /// The caller with this token, if it was verified within the last minute and
    /// has not ended.
    pub(crate) fn get(&self, token: &str, now: Timestamp) -> Option<Identity> {
        let entry = self.0.get(&hash(token)?)?;
        let recent = (entry.verified.micros()..entry.verified.plus_micros(AGE_MAX_MICROS).micros()).contains(&now.micros());
        (recent && now < entry.identity.expires).then_some(entry.identity)
    }

    /// Whether the token was verified while it has been kept here, and has not ended.
    pub(crate) fn remembers(&self, token: &str, now: Timestamp) -> bool {
        hash(token).and_then(|hash| self.0.get(&hash)).is_some_and(|entry| now < entry.identity.expires)
    }

    pub(crate) fn insert(&self, token: &str, identity: &Identity, now: Timestamp) {
        if let Some(hash) = hash(token) {
            self.0.insert(hash, Entry { identity: identity.clone(), verified: now });
        }
    }
}

fn hash(token: &str) -> Option<Hash> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}
