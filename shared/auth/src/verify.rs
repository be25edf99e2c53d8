//! Verifies tokens: first the signature, by the key's own algorithm, then every
//! claim, against what the issuer may vouch for.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Value};
use stoa_config::{Issuer, Subjects};
use stoa_kernel::{Caller, Reach, Result, Timestamp, ids};
use tokio::sync::Semaphore;

use crate::{
    cache::Verified,
    claims::Claims,
    issuer::{Keys, WAITING_MAX},
    key::SetupError,
    local_key::LocalKey,
    refusal::invalid,
    roles::{Roles, SERVICE},
    service::{ISSUER as SERVICES, ServiceVerifier},
};

/// Tolerated difference between the clocks of two machines.
pub(crate) const LEEWAY_S: i64 = 30;
/// Maximum length of a token in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The caller that a token identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Tenant. Empty only for a service without a user.
    pub tenant: String,
    /// The caller.
    pub caller: Caller,
    /// Whether the caller is another service of the suite.
    pub internal: bool,
    /// When the token ends. A stream must not outlive it.
    pub expires: Timestamp,
}

struct Bound {
    issuer: Issuer,
    roles: BTreeSet<String>,
    keys: Arc<Keys>,
}

/// Verifies tokens of all configured issuers and of the suite's own services.
pub struct Verifier {
    issuers: HashMap<String, Bound>,
    services: Option<ServiceVerifier>,
    verified: Verified,
}

impl Verifier {
    /// Creates a verifier for tokens of these issuers.
    ///
    /// # Errors
    /// If an issuer would grant a role that the table does not have, or carries
    /// keys that cannot be read.
    pub fn new(issuers: Vec<Issuer>, roles: &Roles) -> Result<Self, SetupError> {
        let mut bound = HashMap::new();
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        for issuer in issuers {
            let granted = grantable(&issuer, roles)?;
            let keys = Arc::new(Keys::new(&issuer, waiting.clone())?);
            bound.insert(issuer.issuer.clone(), Bound { issuer, roles: granted, keys });
        }
        Ok(Self { issuers: bound, services: None, verified: Verified::default() })
    }

    /// Accepts tokens of the development key, too.
    ///
    /// # Errors
    /// As for [`Verifier::new`].
    pub fn with_local_key(mut self, key: &LocalKey, roles: &Roles) -> Result<Self, SetupError> {
        self.issuers.extend(Self::new(vec![key.issuer(roles)], roles)?.issuers);
        Ok(self)
    }

    /// Accepts tokens of the suite's own services, too.
    #[must_use]
    pub fn with_services(mut self, services: ServiceVerifier) -> Self {
        self.services = Some(services);
        self
    }

    /// Returns the caller with this token. `now` is wall time.
    ///
    /// # Errors
    /// UNAUTHENTICATED `TOKEN_INVALID`, saying what is wrong. UNAVAILABLE if
    /// the issuer's keys could never be read.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity> {
        if let Some(identity) = self.verified.get(token, now) {
            return Ok(identity);
        }
        let (kid, iss) = peek(token)?;
        if iss == SERVICES
            && let Some(services) = &self.services
        {
            return services.verify(token, &kid, now);
        }
        let bound = self.issuers.get(&iss).ok_or_else(|| invalid("the token's issuer is not configured here"))?;
        let (algorithm, key) = bound.keys.get(&kid).await?;
        let claims = Claims::read(&open(token, algorithm, &key)?, &bound.issuer.claims)?;
        let identity = judge(bound, claims, now)?;
        self.verified.insert(token, &identity, now);
        Ok(identity)
    }

    /// The service of the suite with this token. No issuer is asked.
    ///
    /// # Errors
    /// UNAUTHENTICATED `TOKEN_INVALID`.
    pub fn verify_service(&self, token: &str, now: Timestamp) -> Result<Identity> {
        let (kid, iss) = peek(token)?;
        let services = self.services.as_ref().filter(|_| iss == SERVICES);
        services.ok_or_else(|| invalid("the token is not that of a service"))?.verify(token, &kid, now)
    }

    /// Whether a token was verified not long ago, and has not ended.
    #[must_use]
    pub fn knows(&self, token: &str, now: Timestamp) -> bool {
        self.verified.remembers(token, now)
    }
}

fn grantable(issuer: &Issuer, roles: &Roles) -> Result<BTreeSet<String>, SetupError> {
    if issuer.roles.is_empty() {
        return Ok(roles.grantable().map(str::to_owned).collect());
    }
    for role in &issuer.roles {
        if !roles.knows(role) || role == SERVICE {
            let known: Vec<&str> = roles.names().filter(|r| *r != SERVICE).collect();
            return Err(SetupError(format!("issuer {} cannot grant `{role}`. Choose from {}.", issuer.issuer, known.join(", "))));
        }
    }
    Ok(issuer.roles.iter().cloned().collect())
}

/// The key and issuer that a token names, not yet verified.
fn peek(token: &str) -> Result<(String, String)> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let malformed = || invalid("the token is not a signed JSON Web Token");
    if token.len() > TOKEN_BYTES_MAX {
        return Err(invalid("the token is too long"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| malformed())?;
    // An extension marked critical must be understood or refused (RFC 7515 4.1.11).
    if header.crit.is_some() {
        return Err(invalid("the token asks for an extension that is not supported here"));
    }
    let kid = header.kid.ok_or_else(|| invalid("the token names no key (`kid`)"))?;
    let named: Named = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| invalid("the token has no `iss`. Ask its issuer for one that has it."))?;
    Ok((kid, named.iss))
}

/// The claims of a token that this key signed with this algorithm.
pub(crate) fn open(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Result<Map<String, Value>> {
    // We check the claims ourselves, against an instant that is passed in.
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, key, &validation).map(|data| data.claims).map_err(|error| match error.kind() {
        ErrorKind::Json(_) => invalid("a claim of the token has the wrong type"),
        _ => invalid("the token's signature is wrong, or its algorithm is not that of its key"),
    })
}

/// Checks that a token is in its period of validity. Returns the instant at
/// which it ends.
pub(crate) fn in_time(claims: &Claims, now: Timestamp) -> Result<Timestamp> {
    let second = now.micros().div_euclid(1_000_000);
    if claims.exp.saturating_add(LEEWAY_S) <= second {
        return Err(invalid("the token has expired. Get a new one."));
    }
    if claims.nbf.is_some_and(|nbf| nbf.saturating_sub(LEEWAY_S) > second) {
        return Err(invalid("the token is not valid yet"));
    }
    Ok(Timestamp::from_micros(claims.exp.saturating_mul(1_000_000)))
}

fn judge(bound: &Bound, claims: Claims, now: Timestamp) -> Result<Identity> {
    let Bound { issuer, roles, .. } = bound;
    let expires = in_time(&claims, now)?;
    if !claims.aud.iter().any(|aud| issuer.audiences.contains(aud)) {
        return Err(invalid("the token was made for another audience"));
    }
    if !is_tenant(&claims.tenant) || !issuer.tenants.iter().any(|t| t == "*" || *t == claims.tenant) {
        return Err(invalid("the token's issuer may not speak for its tenant"));
    }
    if let Some(role) = claims.roles.iter().find(|role| !roles.contains(*role)) {
        let role = if is_id(role) { role } else { "(no name)" };
        return Err(invalid(format!("the token's issuer may not grant the role `{role}`")));
    }
    let subject = subject(issuer, &claims.sub)?;
    let roles: BTreeSet<String> = claims.roles.into_iter().collect();
    let (reach, connector) = scope(&roles, claims.partner.as_deref(), claims.connector.as_deref())?;
    let caller = Caller {
        subject,
        on_behalf_of: String::new(),
        issuer: claims.iss,
        roles,
        reach,
        connector,
        target: String::new(),
        assigned_only: false,
    };
    Ok(Identity { tenant: claims.tenant, caller, internal: false, expires })
}

/// How far a caller reaches. A partner's roles and a partner go together, and
/// so do the connector role and a registration: with only one of the two, the
/// caller would see more than it should.
pub(crate) fn scope(roles: &BTreeSet<String>, partner: Option<&str>, connector: Option<&str>) -> Result<(Reach, String)> {
    let id = |collection: &str, value: &str| -> Result<String> {
        let id = value.strip_prefix(collection).and_then(|rest| rest.strip_prefix('/')).unwrap_or(value);
        if is_id(id) {
            Ok(id.to_owned())
        } else {
            Err(invalid(format!("the token names something in {collection} that is not a valid ID")))
        }
    };
    let of_partner = |role: &String| role.starts_with("partner_");
    let reach = match partner {
        None if roles.iter().any(of_partner) => return Err(invalid("the token has a partner role but names no partner")),
        None => Reach::Tenant,
        Some(_) if !roles.iter().all(of_partner) => return Err(invalid("the token names a partner but has a vendor role")),
        Some(partner) => Reach::Partner(id("partners", partner)?),
    };
    match (connector, roles.contains("connector")) {
        (None, false) => Ok((reach, String::new())),
        (None, true) => Err(invalid("the token has the role `connector` but names no connector registration")),
        (Some(_), false) => Err(invalid("the token names a connector registration but lacks the role `connector`")),
        (Some(_), true) if roles.len() > 1 => Err(invalid("the token has the role `connector` and another one")),
        (Some(connector), true) => Ok((reach, id("crmConnectors", connector)?)),
    }
}

/// The subject as it enters events. A subject that is not an ID, for example an
/// email address, is replaced by an ID derived from it: events hold no personal
/// data. So is every subject of an issuer that does not name our persons.
fn subject(issuer: &Issuer, sub: &str) -> Result<String> {
    let given = issuer.subjects == Subjects::Given;
    let derived = || ids::derived(&[&issuer.issuer, sub]);
    if let Some(service) = sub.strip_prefix("services/") {
        if !is_id(service) || stoa_config::SERVICES.contains(&service) {
            return Err(invalid("the token's subject is a service of the suite itself, or not a valid name"));
        }
        return Ok(format!("services/{}", if given { service.to_owned() } else { derived() }));
    }
    match sub.strip_prefix("persons/").unwrap_or(sub) {
        person if given && is_id(person) => Ok(format!("persons/{person}")),
        _ => Ok(format!("persons/{}", derived())),
    }
}

pub(crate) fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub(crate) fn is_tenant(text: &str) -> bool {
    is_id(text) && text.len() <= 63 && text.bytes().all(|b| !b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;
