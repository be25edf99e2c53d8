//! The access layer: no request reaches a service unless the rules allow it.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use stoa_kernel::{Clock, Cx, Reach, Result, clock::wall_now, ids};
use stoa_proto::common::v1::ErrorReason;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::{
    Identity, Roles, Rule, Rules, Verifier,
    refusal::{denied, invalid, response},
};

/// The role of channel account managers.
const CAM: &str = "cam";

/// Whether all enrollments of a partner are suspended, given tenant and
/// partner. If this cannot be determined, the request is refused.
pub type Suspension = Arc<dyn Fn(&str, &str) -> BoxFuture<'static, Result<bool>> + Send + Sync>;

/// Checks every request against the rules. A request that passes carries a
/// [`Cx`] and an [`Identity`] in its extensions (a public one does not) and no
/// longer carries its token. A request that does not pass is answered with a
/// complete gRPC response. Works on HTTP requests, so that it can be placed
/// before any router.
#[derive(Clone)]
pub struct AccessLayer(Arc<Inner>);

struct Inner {
    rules: Rules,
    roles: Arc<Roles>,
    verifier: Arc<Verifier>,
    clock: Clock,
    suspension: Option<Suspension>,
}

impl AccessLayer {
    /// Creates a layer with these rules. `clock` is business time.
    #[must_use]
    pub fn new(rules: Rules, roles: Arc<Roles>, verifier: Arc<Verifier>, clock: Clock, suspension: Option<Suspension>) -> Self {
        Self(Arc::new(Inner { rules, roles, verifier, clock, suspension }))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, layer: self.clone() }
    }
}

/// A service behind the access layer.
#[derive(Clone)]
pub struct Access<S> {
    inner: S,
    layer: AccessLayer,
}

impl<S, B> Service<http::Request<B>> for Access<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        // The service that was polled ready goes into the future; its clone stays.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.0.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.admit(&mut parts).await {
                Ok(()) => ready.call(http::Request::from_parts(parts, body)).await,
                Err(error) => {
                    let (reason, detail, cause) = (error.reason().as_str(), error.message(), error.cause());
                    tracing::info!(method = parts.uri.path(), reason, detail, cause, "refused");
                    Ok(response(&error))
                }
            }
        })
    }
}

impl Inner {
    async fn admit(&self, parts: &mut Parts) -> Result<()> {
        // Removed in any case, so that nothing further down can log it.
        let authorization = parts.headers.remove(AUTHORIZATION);
        let rule = self.rules.get(parts.uri.path());
        let rule = rule.ok_or_else(|| denied(ErrorReason::NoAccessRule, "the method has no access rule here. Check its name."))?;
        if *rule == Rule::Public {
            return Ok(());
        }
        let authorization = authorization.ok_or_else(|| invalid("the request has no token. Send `authorization: Bearer …`."))?;
        let token = bearer(authorization.as_bytes()).ok_or_else(|| invalid("the authorization must be `Bearer`, a space and the token"))?;
        let mut identity = self.verifier.verify(token, wall_now()).await?;
        self.judge(rule, &identity)?;
        identity.caller.assigned_only = self.only_as_cam(rule, &identity);
        self.refuse_suspended(&identity).await?;
        let cx = self.context(&parts.headers, &identity);
        let span = tracing::Span::current();
        span.record("tenant", cx.tenant.as_str()).record("caller", cx.caller.subject.as_str());
        parts.extensions.insert(cx);
        parts.extensions.insert(identity);
        Ok(())
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
