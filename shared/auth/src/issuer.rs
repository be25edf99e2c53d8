//! The public keys of an issuer: read, replaced as a whole, and read again,
//! within limits, when a token names an unknown key.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::Value;
use stoa_config::Issuer;
use stoa_kernel::{Error, Result};
use tokio::sync::Mutex;

use crate::{key::SetupError, refusal::invalid};

/// Keys are read again after this time, so that a withdrawn key disappears.
const AGE_MAX: Duration = Duration::from_secs(600);
/// Keys are not read again sooner than this, however many unknown keys tokens
/// name.
const REFETCH_MIN: Duration = Duration::from_secs(30);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 1 << 20;

type KeySet = HashMap<String, (Algorithm, DecodingKey)>;

#[derive(Debug, Clone)]
enum Origin {
    /// In the settings: never changes.
    Inline,
    File(PathBuf),
    Url(String),
    /// Below the issuer's address.
    Discovery(String),
}

struct Loaded {
    set: KeySet,
    /// `None` if nothing could be read yet.
    at: Option<Instant>,
}

/// The keys of one issuer.
pub(crate) struct Keys {
    origin: Origin,
    loaded: ArcSwap<Loaded>,
    last_try: Mutex<Option<Instant>>,
    refetch_min: Duration,
}

impl Keys {
    /// Creates the keys of a configured issuer. Files and URLs are read when
    /// the first token arrives: an issuer that is down does not keep the
    /// process from starting.
    pub(crate) fn new(issuer: &Issuer) -> Result<Self, SetupError> {
        Self::with_refetch_min(issuer, REFETCH_MIN)
    }

    pub(crate) fn with_refetch_min(issuer: &Issuer, refetch_min: Duration) -> Result<Self, SetupError> {
        let mut loaded = Loaded { set: KeySet::new(), at: None };
        let origin = match (&issuer.jwks, &issuer.jwks_file, &issuer.jwks_url) {
            (Some(text), ..) => {
                let set = parse(text.as_bytes()).map_err(|e| SetupError(format!("the keys of issuer {} {e}", issuer.issuer)))?;
                loaded = Loaded { set, at: Some(Instant::now()) };
                Origin::Inline
            }
            (_, Some(path), _) => Origin::File(path.clone()),
            (_, _, Some(url)) => Origin::Url(url.clone()),
            _ => Origin::Discovery(issuer.issuer.clone()),
        };
        Ok(Self { origin, loaded: ArcSwap::from_pointee(loaded), last_try: Mutex::new(None), refetch_min })
    }

    /// A key and its algorithm.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the issuer has no such key, UNAVAILABLE if its keys
    /// could never be read.
    pub(crate) async fn get(self: &Arc<Self>, kid: &str) -> Result<(Algorithm, DecodingKey)> {
        let loaded = self.loaded.load();
        if let Some(found) = loaded.set.get(kid) {
            if loaded.at.is_some_and(|at| at.elapsed() > AGE_MAX) {
                let keys = self.clone();
                tokio::spawn(async move { keys.refresh(None).await });
            }
            return Ok(found.clone());
        }
        self.refresh(Some(kid)).await;
        let loaded = self.loaded.load();
        match loaded.set.get(kid) {
            Some(found) => Ok(found.clone()),
            None if loaded.at.is_none() => Err(Error::unavailable("the issuer's keys cannot be read")),
            None => Err(invalid("the token is signed with a key that its issuer does not publish")),
        }
    }

    /// Reads the keys again, one reader at a time. Nothing is read if another
    /// reader has already found `wanted`, or if the last attempt is too recent.
    async fn refresh(&self, wanted: Option<&str>) {
        if matches!(self.origin, Origin::Inline) {
            return;
        }
        let mut last_try = self.last_try.lock().await;
        let known = wanted.is_some_and(|kid| self.loaded.load().set.contains_key(kid));
        if known || last_try.is_some_and(|at| at.elapsed() < self.refetch_min) {
            return;
        }
        *last_try = Some(Instant::now());
        match self.read().await {
            Ok(set) => self.loaded.store(Arc::new(Loaded { set, at: Some(Instant::now()) })),
            // Known keys stay in use: an outage of the issuer must not become
            // ours.
            Err(cause) => tracing::warn!(origin = ?self.origin, %cause, "the issuer's keys cannot be read"),
        }
    }

    async fn read(&self) -> Result<KeySet, String> {
        let bytes = match &self.origin {
            Origin::Inline => return Err("are part of the settings".to_owned()),
            Origin::File(path) => tokio::fs::read(path).await.map_err(|e| e.to_string())?,
            Origin::Url(url) => get(url).await?,
            Origin::Discovery(issuer) => discover(issuer).await?,
        };
        parse(&bytes)
    }
}

async fn discover(issuer: &str) -> Result<Vec<u8>, String> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document: Value = serde_json::from_slice(&get(&address).await?).map_err(|e| format!("{address} is not JSON: {e}"))?;
    if document["issuer"].as_str() != Some(issuer) {
        return Err(format!("{address} describes another issuer"));
    }
    let url = document["jwks_uri"].as_str().ok_or_else(|| format!("{address} names no jwks_uri"))?;
    // A document read over TLS must not send us to an address that is not.
    if issuer.starts_with("https://") && !url.starts_with("https://") {
        return Err(format!("{address} names a jwks_uri that is not https"));
    }
    get(url).await
}

static HTTP: LazyLock<Result<reqwest::Client, String>> = LazyLock::new(|| {
    // reqwest panics without a TLS provider. One may already be installed.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _raced = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    reqwest::Client::builder()
        .timeout(FETCH_TIMEOUT)
        // A redirect would lead to an address that nobody configured.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| e.to_string())
});

async fn get(url: &str) -> Result<Vec<u8>, String> {
    let client = HTTP.as_ref().map_err(Clone::clone)?;
    let mut response = client.get(url).send().await.map_err(|e| e.to_string())?;
    if !response.status().is_success() {
        return Err(format!("{url} answered {}", response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| e.to_string())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BYTES_MAX {
            return Err(format!("{url} answered more than {BYTES_MAX} bytes"));
        }
    }
    Ok(bytes)
}

/// The keys of a set that we can use. Others are skipped: sets may hold keys
/// for other purposes.
fn parse(bytes: &[u8]) -> Result<KeySet, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|e| format!("are not a JSON Web Key Set: {e}"))?;
    let keys = document["keys"].as_array().ok_or("are not a JSON Web Key Set: `keys` is missing")?;
    let set: KeySet = keys.iter().filter_map(usable).collect();
    if set.is_empty() { Err("include no usable key: EdDSA, ES256 or RS256 with a `kid`".to_owned()) } else { Ok(set) }
}

fn usable(key: &Value) -> Option<(String, (Algorithm, DecodingKey))> {
    let key: Jwk = serde_json::from_value(key.clone()).ok()?;
    // The algorithm follows from the key, never from a token's header. Shared
    // secrets are not public keys.
    let (algorithm, named) = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(p) if p.curve == EllipticCurve::Ed25519 => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => (Algorithm::ES256, KeyAlgorithm::ES256),
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        _ => return None,
    };
    let common = &key.common;
    let same = common.key_algorithm.is_none_or(|a| a == named);
    let signs = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    if !(same && signs && verifies) {
        return None;
    }
    Some((common.key_id.clone()?, (algorithm, DecodingKey::from_jwk(&key).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::issuer;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Json, Router, routing};
    use serde_json::json;

    fn key(kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    /// A server that publishes the contents of `set` and counts the requests.
    async fn serve(set: Arc<ArcSwap<Value>>, hits: Arc<AtomicUsize>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let issuer = base.clone();
        let jwks = move || {
            hits.fetch_add(1, Ordering::SeqCst);
            let keys = set.load().as_ref().clone();
            async move { Json(keys) }
        };
        let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")});
        let routes = Router::new()
            .route("/jwks", routing::get(jwks))
            .route("/.well-known/openid-configuration", routing::get(|| async move { Json(document) }))
            .route("/moved", routing::get(|| async { axum::response::Redirect::temporary("/jwks") }));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        base
    }

    fn at_url(url: &str, refetch_min: Duration) -> Arc<Keys> {
        let mut issuer = issuer("https://id", None);
        issuer.jwks_url = Some(url.to_owned());
        Arc::new(Keys::with_refetch_min(&issuer, refetch_min).unwrap())
    }

    #[tokio::test]
    async fn keys_rotate_over_http() {
        let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("old")]})));
        let hits = Arc::new(AtomicUsize::new(0));
        let keys = at_url(&format!("{}/jwks", serve(set.clone(), hits.clone()).await), Duration::ZERO);
        assert!(keys.get("old").await.is_ok());
        assert!(keys.get("old").await.is_ok());
        assert_eq!(hits.load(Ordering::SeqCst), 1, "a known key needs no request");
        set.store(Arc::new(json!({"keys": [key("new")]})));
        assert!(keys.get("new").await.is_ok());
        assert_eq!(keys.get("old").await.unwrap_err().reason(), "TOKEN_INVALID", "a withdrawn key is gone");
    }

    #[tokio::test]
    async fn unknown_keys_do_not_flood_the_issuer() {
        let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("a")]})));
        let hits = Arc::new(AtomicUsize::new(0));
        let keys = at_url(&format!("{}/jwks", serve(set, hits.clone()).await), REFETCH_MIN);
        let tries = (0..50).map(|n| {
            let keys = keys.clone();
            async move { keys.get(&format!("made-up-{n}")).await.map(|_| ()).unwrap_err().reason() }
        });
        let reasons = futures::future::join_all(tries).await;
        assert!(reasons.iter().all(|r| *r == "TOKEN_INVALID"));
        assert!(keys.get("a").await.is_ok());
        assert_eq!(hits.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn keys_are_discovered_below_the_issuer() {
        let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("a")]})));
        let base = serve(set, Arc::default()).await;
        let keys = Arc::new(Keys::new(&issuer(&base, None)).unwrap());
        assert!(keys.get("a").await.is_ok());
        let other = Arc::new(Keys::new(&issuer(&base.replace("127.0.0.1", "localhost"), None)).unwrap());
        assert_eq!(other.get("a").await.unwrap_err().reason(), "UNAVAILABLE", "the document must name the issuer itself");
    }

    #[tokio::test]
    async fn an_issuer_that_is_down_is_not_the_callers_fault_and_keeps_its_keys() {
        let down = at_url("http://127.0.0.1:1/jwks", Duration::ZERO);
        assert_eq!(down.get("a").await.unwrap_err().reason(), "UNAVAILABLE");
        let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("a")]})));
        let base = serve(set.clone(), Arc::default()).await;
        let moved = at_url(&format!("{base}/moved"), Duration::ZERO);
        assert_eq!(moved.get("a").await.unwrap_err().reason(), "UNAVAILABLE", "redirects are not followed");
        let keys = at_url(&format!("{base}/jwks"), Duration::ZERO);
        assert!(keys.get("a").await.is_ok());
        set.store(Arc::new(json!("broken")));
        assert_eq!(keys.get("b").await.unwrap_err().reason(), "TOKEN_INVALID");
        assert!(keys.get("a").await.is_ok());
    }

    #[tokio::test]
    async fn keys_in_a_file_are_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json!({"keys": [key("a")]}).to_string()).unwrap();
        let mut issuer = issuer("https://id", None);
        issuer.jwks_file = Some(file.path().to_owned());
        let keys = Arc::new(Keys::with_refetch_min(&issuer, Duration::ZERO).unwrap());
        assert!(keys.get("a").await.is_ok());
        std::fs::write(file.path(), json!({"keys": [key("b")]}).to_string()).unwrap();
        assert!(keys.get("b").await.is_ok());
    }

    #[test]
    fn only_keys_for_signatures_of_the_three_algorithms_are_used() {
        let mut odd = vec![
            json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
            json!({"kty": "unknown", "kid": "new"}),
            json!({"kty": "EC", "crv": "P-384", "kid": "p384", "x": "AA", "y": "AA"}),
            json!(7),
        ];
        for (field, value) in [("alg", json!("HS256")), ("use", json!("enc")), ("key_ops", json!(["sign"])), ("kid", Value::Null)] {
            let mut changed = key("odd");
            changed[field] = value;
            odd.push(changed);
        }
        assert!(parse(json!({"keys": odd}).to_string().as_bytes()).is_err());
        odd.push(key("sound"));
        let set = parse(json!({"keys": odd}).to_string().as_bytes()).unwrap();
        assert_eq!(set.keys().collect::<Vec<_>>(), ["sound"]);
        assert!(parse(b"{}").is_err() && parse(b"not json").is_err());
    }
}
