//! An identity provider outside of the suite.

use anyhow::{Context, Result};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use stoa_kernel::clock::wall_now;

/// An issuer with one key, named by its own name.
pub struct OutsideIssuer {
    name: String,
    subjects: &'static str,
    key: EncodingKey,
    public: String,
}

impl OutsideIssuer {
    /// Generates an issuer.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn new(name: &str) -> Result<Self> {
        let pair = Ed25519KeyPair::generate().ok().context("no key")?;
        let der = pair.to_pkcs8v1().ok().context("no key")?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key());
        Ok(Self { name: name.to_owned(), subjects: "given", key: EncodingKey::from_ed_der(der.as_ref()), public })
    }

    /// The same issuer, if its subjects only mean something to itself.
    #[must_use]
    pub fn with_derived_subjects(self) -> Self {
        Self { subjects: "derived", ..self }
    }

    /// The issuer in the settings: it may speak for `acme` and grant everything
    /// that outside issuers may.
    #[must_use]
    pub fn settings(&self) -> String {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": self.name, "x": self.public});
        format!(
            "[[auth.issuers]]\nissuer = {:?}\naudiences = [\"stoa\"]\ntenants = [\"acme\"]\nsubjects = {:?}\njwks = {:?}\n",
            self.name,
            self.subjects,
            json!({"keys": [key]}).to_string()
        )
    }

    /// Signs a token of a subject with further claims.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn token(&self, subject: &str, more: &Value) -> Result<String> {
        let expires_s = wall_now().micros() / 1_000_000 + 600;
        let mut claims = json!({"iss": self.name, "sub": subject, "aud": "stoa", "exp": expires_s, "tenant": "acme"});
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let header = Header { kid: Some(self.name.clone()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}
