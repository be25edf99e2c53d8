//! Tokens with which the suite's services call each other. They live at most
//! one minute, are made for one target, and carry the user that the call is for
//! with that user's roles and reach, so that the target decides as it would for
//! the user.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use jsonwebtoken::{Algorithm, DecodingKey};
use stoa_config::SERVICES;
use stoa_kernel::{Caller, Cx, Reach, Result, Timestamp};

use crate::{
    claims::{Act, Claims},
    key::{SetupError, SigningKey},
    link::LinkKey,
    refusal::invalid,
    roles::SERVICE,
    verify::{Identity, LEEWAY_S, in_time, is_tenant, open, scope},
};

/// Issuer of service tokens. No configured issuer may have this name.
pub(crate) const ISSUER: &str = "stoa:services";
/// Longest lifetime of a service token.
const TTL_S: i64 = 60;

/// The key that all services of an installation share. A file may hold several:
/// the first signs, all are accepted, so that a key can be replaced while the
/// services run.
#[derive(Debug)]
pub struct ServiceKey(Vec<SigningKey>);

impl ServiceKey {
    /// Loads the keys of a file that other processes use, too.
    ///
    /// # Errors
    /// If the file cannot be read, everybody can read it, or it holds no key.
    pub fn load(path: &Path) -> Result<Self, SetupError> {
        // A mounted secret belongs to a group rather than to the process' user.
        SigningKey::load_all(path, 0o007).map(Self)
    }

    /// Loads the key of a file, or creates the file with mode 0600 if there is
    /// none.
    ///
    /// # Errors
    /// As for [`ServiceKey::load`], and if the file cannot be created.
    pub fn load_or_create(path: &Path) -> Result<Self, SetupError> {
        SigningKey::load_or_create(path, 0o007).map(Self)
    }

    /// Generates a key that lives as long as the process, for tests.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn generate() -> Result<Self, SetupError> {
        Ok(Self(vec![SigningKey::generate()?]))
    }

    /// Derives the key of signed links. Links of keys that have been replaced still
    /// open while the file holds those keys.
    ///
    /// # Errors
    /// As for [`ServiceKey::derive`].
    pub fn link_key(&self) -> Result<LinkKey, SetupError> {
        let secrets: Vec<Vec<u8>> = self.0.iter().map(|key| key.derive("signed links")).collect::<Result<_, _>>()?;
        let (first, former) = secrets.split_first().ok_or_else(|| SetupError("there is no service key".to_owned()))?;
        Ok(LinkKey::new(first, former))
    }

    /// Derives a secret for another purpose, for example page tokens. It is the
    /// same in every process that has the key.
    ///
    /// # Errors
    /// If no secret can be derived from the key.
    pub fn derive(&self, purpose: &str) -> Result<Vec<u8>, SetupError> {
        self.first()?.derive(purpose)
    }

    fn first(&self) -> Result<&SigningKey, SetupError> {
        self.0.first().ok_or_else(|| SetupError("there is no service key".to_owned()))
    }
}

/// Signs the calls of one service.
#[derive(Debug, Clone)]
pub struct ServiceSigner {
    key: Arc<ServiceKey>,
    service: &'static str,
}

impl ServiceSigner {
    /// Creates a signer for the calls of a service.
    #[must_use]
    pub fn new(key: Arc<ServiceKey>, service: &'static str) -> Self {
        Self { key, service }
    }

    /// Signs a token for one call to `target`. `now` is wall time.
    ///
    /// # Errors
    /// If it cannot be signed, or if the caller has only a link, which opens
    /// nothing of another service.
    pub fn sign(&self, target: &str, cx: &Cx, now: Timestamp) -> Result<String, SetupError> {
        if matches!(cx.caller.reach, Reach::Object(_)) {
            return Err(SetupError("a caller with a link cannot be passed on. Call as the service itself.".to_owned()));
        }
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: name(self.service),
            aud: vec![name(target)],
            exp: now.micros().div_euclid(1_000_000) + TTL_S,
            nbf: None,
            tenant: cx.tenant.clone(),
            roles: Vec::new(),
            partner: None,
            connector: None,
            act: user(&cx.caller),
        };
        self.key.first()?.sign(&claims.json())
    }
}

fn name(service: &str) -> String {
    format!("services/{service}")
}

/// The user behind a caller. `None` if a service of ours acts on its own.
fn user(caller: &Caller) -> Option<Act> {
    let ours = caller.subject.strip_prefix("services/").is_some_and(|s| SERVICES.contains(&s));
    let sub = match caller.on_behalf_of.as_str() {
        "" if ours => return None,
        "" => caller.subject.clone(),
        user => user.to_owned(),
    };
    let partner = match &caller.reach {
        Reach::Tenant | Reach::Object(_) => None,
        Reach::Partner(id) => Some(id.clone()),
    };
    let connector = (!caller.connector.is_empty()).then(|| caller.connector.clone());
    Some(Act { sub, iss: caller.issuer.clone(), roles: caller.roles.iter().cloned().collect(), partner, connector })
}

/// Verifies tokens that the suite's services made for this process.
pub struct ServiceVerifier {
    keys: BTreeMap<String, DecodingKey>,
    targets: BTreeSet<String>,
}

impl ServiceVerifier {
    /// Accepts calls for these services, signed with any of the keys.
    ///
    /// # Errors
    /// If a key cannot be used.
    pub fn new(key: &ServiceKey, services: &[&str]) -> Result<Self, SetupError> {
        let public = |key: &SigningKey| {
            let jwk = key.jwk();
            let (kid, x) = (jwk["kid"].as_str()?, jwk["x"].as_str()?);
            Some((kid.to_owned(), DecodingKey::from_ed_components(x).ok()?))
        };
        let keys: Option<BTreeMap<_, _>> = key.0.iter().map(public).collect();
        let keys = keys.ok_or_else(|| SetupError("the service key cannot be used".to_owned()))?;
        Ok(Self { keys, targets: services.iter().map(|s| (*s).to_owned()).collect() })
    }

    /// Verifies a token. The caller's `target` is the service that it opens.
    pub(crate) fn verify(&self, token: &str, kid: &str, now: Timestamp) -> Result<Identity> {
        let key = self.keys.get(kid).ok_or_else(|| invalid("the service token is signed with another key"))?;
        let claims = Claims::read_service(&open(token, Algorithm::EdDSA, key)?)?;
        let expires = in_time(&claims, now)?;
        if claims.exp > now.micros().div_euclid(1_000_000) + TTL_S + LEEWAY_S {
            return Err(invalid("the service token lives longer than a minute"));
        }
        // One process may run several services, but a token opens one.
        let [target] = claims.aud.as_slice() else { return Err(invalid("the service token must name one service")) };
        let target = target.strip_prefix("services/").filter(|target| self.targets.contains(*target));
        let target = target.ok_or_else(|| invalid("the service token was made for another service"))?.to_owned();
        if !claims.sub.strip_prefix("services/").is_some_and(|s| SERVICES.contains(&s)) {
            return Err(invalid("the service token's subject is not a service"));
        }
        let without = claims.tenant.is_empty() && claims.act.is_none();
        if !without && !is_tenant(&claims.tenant) {
            return Err(invalid("the service token names no tenant"));
        }
        let caller = match claims.act {
            None => Caller {
                subject: claims.sub,
                on_behalf_of: String::new(),
                issuer: String::new(),
                roles: BTreeSet::from([SERVICE.to_owned()]),
                reach: Reach::Tenant,
                connector: String::new(),
                target,
                assigned_only: false,
            },
            Some(act) => {
                let roles: BTreeSet<String> = act.roles.into_iter().collect();
                let (reach, connector) = scope(&roles, act.partner.as_deref(), act.connector.as_deref())?;
                Caller {
                    subject: claims.sub,
                    on_behalf_of: act.sub,
                    issuer: act.iss,
                    roles,
                    reach,
                    connector,
                    target,
                    assigned_only: false,
                }
            }
        };
        Ok(Identity { tenant: claims.tenant, caller, internal: true, expires })
    }
}

/// Refuses a service's token at methods of other services than it was made for.
/// Requests about event logs name a service themselves; there, the log's API
/// decides.
pub(crate) fn require_target(caller: &Caller, path: &str) -> Result<()> {
    match path.strip_prefix("/stoa.").and_then(|rest| rest.split('.').next()) {
        Some("events") => Ok(()),
        service => caller.require_target(service.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Roles, Verifier, testing::now};
    use serde_json::json;
    use stoa_kernel::Clock;

    fn suite() -> (Arc<ServiceKey>, Verifier) {
        let key = Arc::new(ServiceKey::generate().unwrap());
        let verifier = Verifier::new(Vec::new(), &Roles::standard()).unwrap();
        let services = ServiceVerifier::new(&key, &["onboard", "enable"]).unwrap();
        (key, verifier.with_services(services))
    }

    fn partner_cx() -> Cx {
        let mut cx = Cx::service("acme", "sell", &Clock::system(), "");
        cx.caller = Caller {
            subject: "persons/pat".to_owned(),
            on_behalf_of: String::new(),
            issuer: "https://id.example.com".to_owned(),
            roles: BTreeSet::from(["partner_user".to_owned()]),
            reach: Reach::Partner("p1".to_owned()),
            connector: String::new(),
            target: String::new(),
            assigned_only: false,
        };
        cx
    }

    #[tokio::test]
    async fn a_service_acts_for_its_user_with_the_users_reach() {
        let (key, verifier) = suite();
        let token = ServiceSigner::new(key.clone(), "sell").sign("onboard", &partner_cx(), now()).unwrap();
        let identity = verifier.verify(&token, now()).await.unwrap();
        assert!(identity.internal);
        assert_eq!((identity.tenant.as_str(), identity.caller.subject.as_str()), ("acme", "services/sell"));
        assert_eq!(identity.caller.on_behalf_of, "persons/pat");
        assert_eq!(identity.caller.reach, Reach::Partner("p1".to_owned()));
        assert_eq!(identity.caller.roles, partner_cx().caller.roles);

        // One hop further, the user is still the same.
        let next = Cx { caller: identity.caller, ..partner_cx() };
        let token = ServiceSigner::new(key, "onboard").sign("enable", &next, now()).unwrap();
        let caller = verifier.verify(&token, now()).await.unwrap().caller;
        assert_eq!((caller.subject.as_str(), caller.on_behalf_of.as_str()), ("services/onboard", "persons/pat"));
    }

    #[tokio::test]
    async fn a_service_on_its_own_has_the_service_role() {
        let (key, verifier) = suite();
        let cx = Cx::service("acme", "sell", &Clock::system(), "");
        let token = ServiceSigner::new(key, "sell").sign("onboard", &cx, now()).unwrap();
        let caller = verifier.verify(&token, now()).await.unwrap().caller;
        assert_eq!((caller.on_behalf_of.as_str(), caller.reach), ("", Reach::Tenant));
        assert_eq!(caller.roles.into_iter().collect::<Vec<_>>(), [SERVICE]);
    }

    #[tokio::test]
    async fn service_tokens_are_short_and_for_one_target() {
        let (key, verifier) = suite();
        let signer = ServiceSigner::new(key.clone(), "sell");
        let refused = async |token: &str, at| verifier.verify(token, at).await.unwrap_err().message().to_owned();
        let token = signer.sign("onboard", &partner_cx(), now()).unwrap();
        assert!(verifier.verify(&token, now().plus_micros(89_000_000)).await.is_ok());
        assert!(refused(&token, now().plus_micros(90_000_000)).await.contains("expired"));
        assert!(refused(&token, now().plus_micros(-90_000_000)).await.contains("longer than a minute"));
        assert!(refused(&signer.sign("market", &partner_cx(), now()).unwrap(), now()).await.contains("another service"));
        let other = ServiceSigner::new(Arc::new(ServiceKey::generate().unwrap()), "sell");
        assert!(refused(&other.sign("onboard", &partner_cx(), now()).unwrap(), now()).await.contains("another key"));

        let exp = now().micros() / 1_000_000 + 30;
        let sound = json!({"iss": ISSUER, "sub": "services/sell", "aud": "services/onboard", "exp": exp, "tenant": ""});
        let signed = |field: &str, value: serde_json::Value| {
            let mut claims = sound.clone();
            claims[field] = value;
            key.first().unwrap().sign(&claims).unwrap()
        };
        assert!(verifier.verify(&signed("tenant", json!("")), now()).await.is_ok(), "a log of all tenants is read without a tenant");
        assert!(refused(&signed("act", json!({"sub": "persons/a", "roles": ["cam"]})), now()).await.contains("no tenant"));
        assert!(refused(&signed("aud", json!(["services/onboard", "services/enable"])), now()).await.contains("one service"));
        assert!(refused(&signed("sub", json!("services/shop")), now()).await.contains("not a service"));
        assert!(refused(&signed("act", json!("persons/a")), now()).await.contains("`act`"));
    }

    #[tokio::test]
    async fn a_key_can_be_replaced_while_services_run() {
        let (old, new) = (ServiceKey::generate().unwrap(), ServiceKey::generate().unwrap());
        let old_token = ServiceSigner::new(Arc::new(ServiceKey::generate().unwrap()), "sell");
        let both = ServiceKey(old.0.into_iter().chain(new.0).collect());
        let services = ServiceVerifier::new(&both, &["onboard"]).unwrap();
        let verifier = Verifier::new(Vec::new(), &Roles::standard()).unwrap().with_services(services);
        for key in both.0 {
            let signer = ServiceSigner::new(Arc::new(ServiceKey(vec![key])), "sell");
            assert!(verifier.verify(&signer.sign("onboard", &partner_cx(), now()).unwrap(), now()).await.is_ok());
        }
        assert!(verifier.verify(&old_token.sign("onboard", &partner_cx(), now()).unwrap(), now()).await.is_err());
    }
}
