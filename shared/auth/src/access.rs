//! Access: no request reaches a service unless the rules allow it.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};
use stoa_kernel::{Caller, Clock, Cx, Reach, Result, clock::wall_now};
use stoa_proto::common::v1::ErrorReason;

use crate::{
    Identity, Roles, Rule, Rules, Verifier,
    link::{self, LinkKey},
    refusal::{denied, invalid},
    service::require_target,
    webhook,
};

/// Metadata with the signed link of a request.
pub const LINK_HEADER: &str = "stoa-link";
/// Subject of a caller whose link is for whoever has it.
const LINK_SUBJECT: &str = "services/link";
/// Issuer of callers who have a link.
const LINK_ISSUER: &str = "stoa:links";
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
    links: Option<LinkKey>,
}

impl Access {
    /// Creates the access to methods with these rules. `clock` is business time.
    #[must_use]
    pub fn new(rules: Rules, roles: Arc<Roles>, verifier: Arc<Verifier>, clock: Clock, suspension: Option<Suspension>) -> Self {
        Self(Arc::new(Inner { rules, roles, verifier, clock, suspension, links: None }))
    }

    /// Lets signed links open methods, too.
    #[must_use]
    pub fn with_links(self, key: LinkKey) -> Self {
        let Inner { rules, roles, verifier, clock, suspension, .. } = &*self.0;
        let (rules, roles, verifier) = (rules.clone(), roles.clone(), verifier.clone());
        Self(Arc::new(Inner { rules, roles, verifier, clock: clock.clone(), suspension: suspension.clone(), links: Some(key) }))
    }

    /// Whether the requests of a method are signed by their senders.
    #[must_use]
    pub fn is_webhook(&self, method: &str) -> bool {
        matches!(self.0.rules.get(method), Some(Rule::Signed { webhook: true, .. }))
    }

    /// Checks the signature of a webhook's payload.
    ///
    /// # Errors
    /// UNAUTHENTICATED `LINK_INVALID`.
    pub fn verify_webhook(&self, identity: &Identity, headers: &HeaderMap, payload: &[u8]) -> Result<()> {
        let (Some(key), Reach::Object(object)) = (&self.0.links, &identity.caller.reach) else {
            return Err(link::invalid("the webhook has no link"));
        };
        webhook::verify(key.webhook_secrets(&identity.tenant, object), headers, payload, wall_now())
    }

    /// Finds out who calls a method. `None` for a public method.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PERMISSION_DENIED `NO_ACCESS_RULE`, or UNAVAILABLE if an
    /// issuer's keys cannot be read.
    pub async fn authenticate(&self, method: &str, headers: &HeaderMap) -> Result<Option<Identity>> {
        logged(method, self.0.authenticate(method, headers).await)
    }

    /// Decides whether a caller's roles allow a method.
    ///
    /// # Errors
    /// PERMISSION_DENIED.
    pub fn judge(&self, method: &str, identity: &Identity) -> Result<()> {
        logged(method, self.0.rule(method).and_then(|rule| self.0.judge(rule, identity)))
    }

    /// Whether the token of a request was verified not long ago, and has not ended.
    #[must_use]
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let token = headers.get(AUTHORIZATION).and_then(|authorization| bearer(authorization.as_bytes()));
        token.is_some_and(|token| self.0.verifier.knows(token, wall_now()))
    }

    /// Whether a token is that of a gateway of the suite.
    #[must_use]
    pub fn is_gateway(&self, token: &str) -> bool {
        let identity = self.0.verifier.verify_service(token, wall_now());
        identity.is_ok_and(|identity| identity.caller.subject == "services/gateway")
    }

    /// Admits a caller to a method: the request loses its token, and gets a
    /// [`Cx`] and the [`Identity`] in its extensions unless the method is public. The
    /// server adds the request's ID and deadline to the context.
    ///
    /// # Errors
    /// PERMISSION_DENIED `PARTNER_SUSPENDED`, or the error of a failed check.
    pub async fn admit(&self, identity: Option<Identity>, parts: &mut Parts) -> Result<()> {
        // Nothing further down can log it.
        parts.headers.remove(AUTHORIZATION);
        parts.headers.remove(LINK_HEADER);
        let Some(mut identity) = identity else { return Ok(()) };
        let rule = self.0.rule(parts.uri.path())?;
        identity.caller.assigned_only = self.0.only_as_cam(rule, &identity);
        logged(parts.uri.path(), self.0.refuse_suspended(&identity).await)?;
        let cx = self.0.context(&identity);
        let span = tracing::Span::current();
        span.record("tenant", cx.tenant.as_str()).record("caller", cx.caller.subject.as_str());
        parts.extensions.insert(cx);
        parts.extensions.insert(identity);
        Ok(())
    }
}

/// Logs a refusal.
fn logged<T>(method: &str, result: Result<T>) -> Result<T> {
    if let Err(error) = &result {
        let (reason, detail, cause) = (error.reason().as_str(), error.message(), error.cause());
        tracing::info!(method, reason, detail, cause, "refused");
    }
    result
}

impl Inner {
    fn rule(&self, method: &str) -> Result<&Rule> {
        self.rules.get(method).ok_or_else(|| denied(ErrorReason::NoAccessRule, "the method has no access rule here. Check its name."))
    }

    async fn authenticate(&self, method: &str, headers: &HeaderMap) -> Result<Option<Identity>> {
        let rule = self.rule(method)?;
        match rule {
            Rule::Public => return Ok(None),
            Rule::Signed { permission, .. } => return self.of_link(permission, headers).map(Some),
            _ => {}
        }
        let authorization =
            only(headers, AUTHORIZATION.as_str())?.ok_or_else(|| invalid("the request has no token. Send `authorization: Bearer …`."))?;
        let token = bearer(authorization.as_bytes()).ok_or_else(|| invalid("the authorization must be `Bearer`, a space and the token"))?;
        let identity = self.verifier.verify(token, wall_now()).await?;
        require_target(&identity.caller, method)?;
        Ok(Some(identity))
    }

    /// The caller of a request with a link.
    fn of_link(&self, permission: &str, headers: &HeaderMap) -> Result<Identity> {
        let text = only(headers, LINK_HEADER)?.and_then(|value| value.to_str().ok());
        let text = text.ok_or_else(|| link::invalid("the request has no signed link. Use the whole address that you were given."))?;
        let key = self.links.as_ref().ok_or_else(|| {
            denied(ErrorReason::NoAccessRule, "signed links open nothing in this process. Use the address that you were given.")
        })?;
        let link = key.open(text, permission, wall_now())?;
        let caller = Caller {
            subject: if link.person.is_empty() { LINK_SUBJECT.to_owned() } else { link.person },
            on_behalf_of: String::new(),
            issuer: LINK_ISSUER.to_owned(),
            roles: BTreeSet::new(),
            reach: Reach::Object(link.object),
            connector: String::new(),
            target: String::new(),
            assigned_only: false,
        };
        Ok(Identity { tenant: link.tenant, caller, internal: false, expires: link.expires })
    }

    fn judge(&self, rule: &Rule, identity: &Identity) -> Result<()> {
        match rule {
            Rule::Public | Rule::Authenticated | Rule::Signed { .. } => Ok(()),
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

    fn context(&self, identity: &Identity) -> Cx {
        Cx {
            tenant: identity.tenant.clone(),
            caller: identity.caller.clone(),
            now: self.clock.now(),
            request_id: String::new(),
            causation: String::new(),
            deadline: None,
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

/// The only value of a header. Two readers of a request could choose different ones.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(invalid(format!("the request has the header {name} twice. Send it once."))),
        (value, None) => Ok(value),
    }
}

#[cfg(test)]
mod tests;
