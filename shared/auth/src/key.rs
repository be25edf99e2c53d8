//! Our own Ed25519 keys: generated, kept in files, and used for signing.

use std::{
    fmt, fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use aws_lc_rs::{
    digest, hmac, rand,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Something that must be corrected before the process can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError(pub(crate) String);

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SetupError {}

/// A private key.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    kid: String,
}

/// Never shows the key itself.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.kid).finish()
    }
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, SetupError> {
        Ok(Self::of(Ed25519KeyPair::generate().map_err(|_| SetupError("no key could be generated: the random source failed".to_owned()))?))
    }

    fn of(pair: Ed25519KeyPair) -> Self {
        let hash = digest::digest(&digest::SHA256, pair.public_key().as_ref());
        Self { kid: URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]), pair }
    }

    /// All keys of a file, in their order. `forbidden` holds the mode bits that
    /// would let others read the file.
    pub(crate) fn load_all(path: &Path, forbidden: u32) -> Result<Vec<Self>, SetupError> {
        let shown = path.display();
        let failed = |e: std::io::Error| SetupError(format!("the key file {shown} cannot be read: {e}"));
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
        if mode & forbidden != 0 {
            return Err(SetupError(format!("the key file {shown} has mode {mode:o}, so others can use the key. Run chmod 600 on it.")));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let broken =
            || SetupError(format!("{shown} holds no Ed25519 key in PKCS #8 PEM. Create one with `openssl genpkey -algorithm ed25519`."));
        let mut keys = Vec::new();
        for part in text.split(PEM_BEGIN).skip(1) {
            let (body, _) = part.split_once(PEM_END).ok_or_else(broken)?;
            let der = STANDARD.decode(body.split_whitespace().collect::<String>()).map_err(|_| broken())?;
            keys.push(Self::of(Ed25519KeyPair::from_pkcs8(&der).map_err(|_| broken())?));
        }
        if keys.is_empty() { Err(broken()) } else { Ok(keys) }
    }

    /// Writes the key to a new file that only its owner can read, completely or
    /// not at all. An existing file is left unchanged.
    pub(crate) fn create(&self, path: &Path) -> Result<(), SetupError> {
        let failed = |e: &dyn fmt::Display| SetupError(format!("the key file {} cannot be created: {e}", path.display()));
        let der = self.pair.to_pkcs8v1().map_err(|_| failed(&"the key cannot be encoded"))?;
        let pem = format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(der.as_ref()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        let mut suffix = [0; 8];
        rand::fill(&mut suffix).map_err(|_| failed(&"the random source failed"))?;
        let draft = path.with_extension(format!("{:016x}.new", u64::from_be_bytes(suffix)));
        let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        });
        // A link, unlike a rename, never replaces a file that another process
        // just created.
        let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        });
        let removed = fs::remove_file(&draft);
        linked.and(removed).map_err(|e| failed(&e))
    }

    pub(crate) fn load_or_create(path: &Path, forbidden: u32) -> Result<Vec<Self>, SetupError> {
        if !path.exists() {
            Self::generate()?.create(path)?;
        }
        Self::load_all(path, forbidden)
    }

    /// Signs claims as a token.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, SetupError> {
        let header = json!({"alg": "EdDSA", "kid": self.kid, "typ": "JWT"});
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.try_sign(message.as_bytes()).map_err(|_| SetupError("the token cannot be signed".to_owned()))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }

    /// The public key as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        let public = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": public})
    }

    /// Derives a secret for another purpose, which depends only on this key.
    pub(crate) fn derive(&self, purpose: &str) -> Result<Vec<u8>, SetupError> {
        let private = self.pair.to_pkcs8v1().map_err(|_| SetupError("no secret can be derived from the key".to_owned()))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, private.as_ref());
        Ok(hmac::sign(&key, purpose.as_bytes()).as_ref().to_vec())
    }
}

/// The JSON Web Key Set of these keys.
pub(crate) fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> String {
    json!({"keys": keys.into_iter().map(SigningKey::jwk).collect::<Vec<_>>()}).to_string()
}

/// Signs and verifies a token, and checks that a changed token is refused. A
/// build whose crypto is wired wrongly fails here rather than at the first
/// request.
///
/// # Errors
/// If any of this fails.
pub fn check_crypto() -> Result<(), SetupError> {
    let failed = |what: &str| SetupError(format!("the crypto self-test failed: {what}. Do not use this build."));
    let key = SigningKey::generate()?;
    let token = key.sign(&json!({"sub": "self-test"}))?;
    let public = DecodingKey::from_ed_der(key.pair.public_key().as_ref());
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let verify = |token: &str| jsonwebtoken::decode::<Value>(token, &public, &validation).is_ok();
    if !verify(&token) {
        return Err(failed("a valid token is refused"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or_else(|| failed("a token has no signature"))?;
    let (header, _) = message.split_once('.').ok_or_else(|| failed("a token has no header"))?;
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"sub":"somebody-else"}"#));
    if verify(&forged) { Err(failed("a changed token is accepted")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_passes() {
        check_crypto().unwrap();
    }

    #[test]
    fn a_key_file_is_private_and_created_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/a.key");
        let made = SigningKey::load_or_create(&path, 0o077).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        SigningKey::generate().unwrap().create(&path).unwrap();
        let again = SigningKey::load_or_create(&path, 0o077).unwrap();
        assert_eq!(made[0].kid, again[0].kid, "an existing key is never replaced");
        assert_eq!(fs::read_dir(dir.path().join("keys")).unwrap().count(), 1, "no draft is left over");
        assert_ne!(made[0].derive("a").unwrap(), made[0].derive("b").unwrap());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        SigningKey::generate().unwrap().create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(SigningKey::load_all(&path, 0o077).unwrap_err().0.contains("chmod 600"));
        assert!(SigningKey::load_all(&path, 0o007).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        assert!(SigningKey::load_all(&path, 0o077).unwrap_err().0.contains("openssl genpkey"));
    }

    #[test]
    fn debug_output_holds_no_key() {
        let key = SigningKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({:?})", key.kid));
    }
}
