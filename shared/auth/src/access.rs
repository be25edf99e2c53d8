//! Access: no request reaches a service unless the rules allow it.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use stoa_kernel::{Clock, Cx, Reach, Result, clock::wall_now, ids};
use stoa_proto::common::v1::ErrorReason;

use crate::{
    Identity, Roles, Rule, Rules, Verifier,
    refusal::{denied, invalid},
    service::require_target,
};

/// The role of channel account managers.
const CAM: &str = "cam";

/// Whether all enrollments of a partner are suspended, given tenant and
/// partner. If this cannot be determined, the request is refused.
pub type Suspension = Arc<dyn Fn(&str, &str) -> BoxFuture<'static, Result<bool>> + Send + Sync>;

/// The rules of the API, and who may pass. Works on the headers of a request, so
/// that nothing of its body is read for a caller who may not call.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    rules: Rules,
    roles: Arc<Roles>,
    verifier: Arc<Verifier>,
    clock: Clock,
    suspension: Option<Suspension>,
}

impl Access {
    /// Creates the access to methods with these rules. `clock` is business time.
    #[must_use]
    pub fn new(rules: Rules, roles: Arc<Roles>, verifier: Arc<Verifier>, clock: Clock, suspension: Option<Suspension>) -> Self {
        Self(Arc::new(Inner { rules, roles, verifier, clock, suspension }))
    }

    /// Finds out who calls a method, and whether that caller's roles allow it.
    /// `None` for a public method.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PERMISSION_DENIED, or UNAVAILABLE if an issuer's keys
    /// cannot be read.
    pub async fn authenticate(&self, method: &str, headers: &HeaderMap) -> Result<Option<Identity>> {
        let checked = self.0.authenticate(method, headers).await;
        if let Err(error) = &checked {
            let (reason, detail, cause) = (error.reason().as_str(), error.message(), error.cause());
            tracing::info!(method, reason, detail, cause, "refused");
        }
        checked
    }

    /// Whether the token of a request was verified a short time ago.
    #[must_use]
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let token = headers.get(AUTHORIZATION).and_then(|authorization| bearer(authorization.as_bytes()));
        token.is_some_and(|token| self.0.verifier.knows(token, wall_now()))
    }

    /// Whether a token is that of a service of the suite.
    pub async fn is_service(&self, token: &str) -> bool {
        self.0.verifier.verify(token, wall_now()).await.is_ok_and(|identity| identity.internal)
    }

    /// Admits a caller to a method: the request loses its token, and gets a
    /// [`Cx`] and the [`Identity`] in its extensions unless the method is public.
    ///
    /// # Errors
    /// PERMISSION_DENIED `PARTNER_SUSPENDED`, or the error of a failed check.
    pub async fn admit(&self, identity: Option<Identity>, parts: &mut Parts) -> Result<()> {
        // Nothing further down can log it.
        parts.headers.remove(AUTHORIZATION);
        let Some(mut identity) = identity else { return Ok(()) };
        let rule = self.0.rule(parts.uri.path())?;
        identity.caller.assigned_only = self.0.only_as_cam(rule, &identity);
        if let Err(error) = self.0.refuse_suspended(&identity).await {
            tracing::info!(method = parts.uri.path(), reason = error.reason().as_str(), cause = error.cause(), "refused");
            return Err(error);
        }
        let cx = self.0.context(&parts.headers, &identity);
        let span = tracing::Span::current();
        span.record("tenant", cx.tenant.as_str()).record("caller", cx.caller.subject.as_str());
        parts.extensions.insert(cx);
        parts.extensions.insert(identity);
        Ok(())
    }
}

impl Inner {
    fn rule(&self, method: &str) -> Result<&Rule> {
        self.rules.get(method).ok_or_else(|| denied(ErrorReason::NoAccessRule, "the method has no access rule here. Check its name."))
    }

    async fn authenticate(&self, method: &str, headers: &HeaderMap) -> Result<Option<Identity>> {
        let rule = self.rule(method)?;
        if *rule == Rule::Public {
            return Ok(None);
        }
        let authorization =
            headers.get(AUTHORIZATION).ok_or_else(|| invalid("the request has no token. Send `authorization: Bearer …`."))?;
        let token = bearer(authorization.as_bytes()).ok_or_else(|| invalid("the authorization must be `Bearer`, a space and the token"))?;
        let identity = self.verifier.verify(token, wall_now()).await?;
        require_target(&identity.caller, method)?;
        self.judge(rule, &identity)?;
        Ok(Some(identity))
    }

    fn judge(&self, rule: &Rule, identity: &Identity) -> Result<()> {
        match rule {
            Rule::Public | Rule::Authenticated => Ok(()),
            Rule::Internal if identity.internal => Ok(()),
            Rule::Internal => Err(denied(ErrorReason::PermissionMissing, "only services of the suite may call this method")),
            // A service without a tenant has no objects to ask for.
            Rule::Permission(_) if identity.tenant.is_empty() => Err(denied(ErrorReason::PermissionMissing, "the token names no tenant")),
            Rule::Permission(permission) if self.roles.allow(&identity.caller.roles, permission) => Ok(()),
            Rule::Permission(permission) => {
                let message = format!("the method needs the permission {permission}, which {} not grant", roles(&identity.caller.roles));
                Err(denied(ErrorReason::PermissionMissing, message).with_metadata("permission", permission.clone()))
            }
        }
    }

    /// Whether only the CAM role lets the caller do this. Such a caller may
    /// write only for the partners that it is assigned to.
    fn only_as_cam(&self, rule: &Rule, identity: &Identity) -> bool {
        let Rule::Permission(permission) = rule else { return false };
        let mut others = identity.caller.roles.clone();
        others.remove(CAM) && !self.roles.allow(&others, permission)
    }

    async fn refuse_suspended(&self, identity: &Identity) -> Result<()> {
        if let (Some(suspended), Reach::Partner(partner)) = (&self.suspension, &identity.caller.reach)
            && suspended(&identity.tenant, partner).await?
        {
            return Err(denied(
                ErrorReason::PartnerSuspended,
                "all enrollments of your organization are suspended. Ask the vendor's channel operations.",
            ));
        }
        Ok(())
    }

    fn context(&self, headers: &HeaderMap, identity: &Identity) -> Cx {
        Cx {
            tenant: identity.tenant.clone(),
            caller: identity.caller.clone(),
            now: self.clock.now(),
            request_id: request_id(headers).unwrap_or_else(ids::new_id),
            causation: String::new(),
            deadline: timeout(headers).and_then(|left| Instant::now().checked_add(left)),
        }
    }
}

fn roles(roles: &BTreeSet<String>) -> String {
    match roles.len() {
        0 => "a token without roles does".to_owned(),
        1 => format!("the role {} does", roles.iter().next().map_or("", String::as_str)),
        _ => format!("the roles {} do", roles.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

/// The token of an authorization; the scheme's case does not matter (RFC 9110).
fn bearer(authorization: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token.trim())
}

/// The caller's request ID, if it is safe to log.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    crate::verify::is_id(id).then(|| id.to_owned())
}

/// `grpc-timeout`: at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
