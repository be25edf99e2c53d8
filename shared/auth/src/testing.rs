//! Issuers and tokens for tests.

use std::sync::LazyLock;

use serde_json::{Value, json};
use stoa_config::{ClaimNames, Issuer, Subjects};
use stoa_kernel::Timestamp;

use crate::key::{SigningKey, jwks};

pub(crate) const ISSUER: &str = "https://id.example.com";

pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

pub(crate) fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

/// An issuer bound to one tenant, with the given keys.
pub(crate) fn issuer(name: &str, jwks: Option<String>) -> Issuer {
    Issuer {
        issuer: name.to_owned(),
        audiences: vec!["stoa".to_owned(), "stoa-too".to_owned()],
        tenants: vec!["acme".to_owned()],
        jwks,
        jwks_file: None,
        jwks_url: None,
        claims: ClaimNames::default(),
        roles: Vec::new(),
        subjects: Subjects::Given,
    }
}

/// The issuer that [`KEY`] signs for.
pub(crate) fn known_issuer() -> Issuer {
    issuer(ISSUER, Some(jwks([&*KEY])))
}

/// Claims of a valid token at [`now`].
pub(crate) fn claims() -> Value {
    claims_at(now())
}

pub(crate) fn claims_at(now: Timestamp) -> Value {
    json!({
        "iss": ISSUER, "sub": "ann", "aud": "stoa", "exp": now.micros() / 1_000_000 + 600,
        "tenant": "acme", "roles": ["cam"],
    })
}

/// The claims with one changed. Null removes the claim.
pub(crate) fn changed(mut claims: Value, field: &str, value: Value) -> Value {
    match value {
        Value::Null => {
            claims.as_object_mut().unwrap().remove(field);
        }
        value => claims[field] = value,
    }
    claims
}
