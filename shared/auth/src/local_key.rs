//! The development key: whoever has its file can act as anybody. The settings
//! allow it on loopback only.

use std::path::Path;

use stoa_config::{ClaimNames, Issuer, Subjects};
use stoa_kernel::{Timestamp, clock::wall_now};

use crate::{
    claims::Claims,
    key::{SetupError, SigningKey, jwks},
    roles::{Roles, SERVICE},
};

const ISSUER: &str = "stoa:local";
const AUDIENCE: &str = "stoa";
/// Longest lifetime of a token.
const TTL_MAX_S: u32 = 30 * 24 * 3600;

/// The contents of a development token.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// Tenant.
    pub tenant: String,
    /// Person, for example `persons/ann` or `ann`.
    pub subject: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Partner, for a partner's roles.
    pub partner: Option<String>,
    /// Connector registration, for the role `connector`.
    pub connector: Option<String>,
    /// Lifetime in seconds.
    pub ttl_s: u32,
}

/// The development key.
#[derive(Debug)]
pub struct LocalKey(SigningKey);

impl LocalKey {
    /// Loads the key of a file, or creates the file with mode 0600 if there is
    /// none.
    ///
    /// # Errors
    /// If the file cannot be read or created, others can read it, or it holds
    /// no key.
    pub fn load_or_create(path: &Path) -> Result<Self, SetupError> {
        let mut keys = SigningKey::load_or_create(path, 0o077)?;
        Ok(Self(keys.swap_remove(0)))
    }

    /// Generates a key that lives as long as the process, for tests.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn generate() -> Result<Self, SetupError> {
        SigningKey::generate().map(Self)
    }

    /// Signs a token that is valid from now on.
    ///
    /// # Errors
    /// If it would live longer than 30 days, or cannot be signed.
    pub fn sign(&self, request: &TokenRequest) -> Result<String, SetupError> {
        self.sign_at(request, wall_now())
    }

    /// Signs a token whose lifetime starts at an instant.
    ///
    /// # Errors
    /// As for [`LocalKey::sign`].
    pub fn sign_at(&self, request: &TokenRequest, now: Timestamp) -> Result<String, SetupError> {
        if request.ttl_s == 0 || request.ttl_s > TTL_MAX_S {
            return Err(SetupError(format!("a token must live 1 to {TTL_MAX_S} seconds")));
        }
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: request.subject.clone(),
            aud: vec![AUDIENCE.to_owned()],
            exp: now.micros().div_euclid(1_000_000) + i64::from(request.ttl_s),
            nbf: None,
            tenant: request.tenant.clone(),
            roles: request.roles.clone(),
            partner: request.partner.clone(),
            connector: request.connector.clone(),
            act: None,
        };
        self.0.sign(&claims.json())
    }

    /// The public key as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> String {
        jwks([&self.0])
    }

    /// An issuer for this key that may vouch for everything.
    pub(crate) fn issuer(&self, roles: &Roles) -> Issuer {
        Issuer {
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            tenants: vec!["*".to_owned()],
            jwks: Some(self.jwks()),
            jwks_file: None,
            jwks_url: None,
            claims: ClaimNames::default(),
            roles: roles.names().filter(|role| *role != SERVICE).map(str::to_owned).collect(),
            // Whoever has the key can act as anybody, and that is its purpose.
            subjects: Subjects::Given,
        }
    }
}
