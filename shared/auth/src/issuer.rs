//! The public keys of an issuer: read, replaced as a whole, and read again,
//! within limits, when a token names an unknown key. Keys that are known never
//! wait for those that are not.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError},
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
use tokio::sync::{Semaphore, watch};

use crate::{key::SetupError, refusal::invalid};

/// Keys are read again after this time, so that a withdrawn key disappears.
const AGE_MAX: Duration = Duration::from_secs(600);
/// Keys are not read again sooner than this, however many unknown keys tokens
/// name.
const REFETCH_MIN: Duration = Duration::from_secs(30);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// A caller with an unknown key is not kept longer than this.
const WAIT: Duration = Duration::from_secs(2);
/// How many callers with unknown keys wait at a time, over all issuers: an
/// issuer that hangs must not fill the process with callers.
pub(crate) const WAITING_MAX: usize = 64;
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

/// What is known about the reads of an issuer's keys.
#[derive(Default)]
struct Reads {
    last: Option<Instant>,
    /// Closed when the read that is under way ends, however it ends.
    under_way: Option<watch::Receiver<()>>,
}

/// The keys of one issuer.
pub(crate) struct Keys {
    origin: Origin,
    loaded: ArcSwap<Loaded>,
    reads: Mutex<Reads>,
    /// Places for callers that wait, shared by all issuers.
    waiting: Arc<Semaphore>,
    refetch_min: Duration,
}

impl Keys {
    /// Creates the keys of a configured issuer. Files and URLs are read when
    /// the first token arrives: an issuer that is down does not keep the
    /// process from starting.
    pub(crate) fn new(issuer: &Issuer, waiting: Arc<Semaphore>) -> Result<Self, SetupError> {
        Self::with_refetch_min(issuer, waiting, REFETCH_MIN)
    }

    pub(crate) fn with_refetch_min(issuer: &Issuer, waiting: Arc<Semaphore>, refetch_min: Duration) -> Result<Self, SetupError> {
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
        Ok(Self { origin, loaded: ArcSwap::from_pointee(loaded), reads: Mutex::default(), waiting, refetch_min })
    }

    /// A key and its algorithm.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the issuer has no such key, UNAVAILABLE if its keys
    /// could never be read, or cannot be read soon enough.
    pub(crate) async fn get(self: &Arc<Self>, kid: &str) -> Result<(Algorithm, DecodingKey)> {
        let loaded = self.loaded.load();
        if let Some(found) = loaded.set.get(kid) {
            if loaded.at.is_some_and(|at| at.elapsed() > AGE_MAX) {
                self.start();
            }
            return Ok(found.clone());
        }
        if let Some(under_way) = self.start() {
            self.wait(under_way).await?;
        }
        let loaded = self.loaded.load();
        match loaded.set.get(kid) {
            Some(found) => Ok(found.clone()),
            None if loaded.at.is_none() => Err(Error::unavailable("the issuer's keys cannot be read")),
            None => Err(invalid("the token is signed with a key that its issuer does not publish")),
        }
    }

    /// Waits, within limits, for the end of a read.
    async fn wait(&self, mut under_way: watch::Receiver<()>) -> Result<()> {
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(Error::unavailable("too many callers wait for the keys of issuers"));
        };
        match tokio::time::timeout(WAIT, under_way.changed()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::unavailable("the issuer's keys have not been read in time")),
        }
    }

    /// Returns the read that is under way. Starts one if there is none, unless
    /// the last is too recent. It does not end with the caller that started it.
    fn start(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        if matches!(self.origin, Origin::Inline) {
            return None;
        }
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = reads.under_way.as_ref().filter(|read| read.has_changed().is_ok()) {
            return Some(under_way.clone());
        }
        if reads.last.is_some_and(|at| at.elapsed() < self.refetch_min) {
            return None;
        }
        reads.last = Some(Instant::now());
        let (end, under_way) = watch::channel(());
        reads.under_way = Some(under_way.clone());
        let keys = self.clone();
        tokio::spawn(async move {
            keys.reload().await;
            drop(end);
        });
        Some(under_way)
    }

    async fn reload(&self) {
        let read = tokio::time::timeout(FETCH_TIMEOUT, self.read()).await;
        match read.unwrap_or_else(|_| Err(format!("have not come within {} seconds", FETCH_TIMEOUT.as_secs()))) {
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
mod tests;
