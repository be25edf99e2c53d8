//! A suite for a test.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    body::{Body, Bytes},
};
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use serde_json::Value;
use stoa::{
    client::Client,
    suite::{Observers, Options, Suite},
};
use stoa_auth::{ServiceKey, ServiceSigner, TokenRequest};
use stoa_config::Config;
use stoa_kernel::{
    Clock, Cx, Timestamp,
    clock::{ClockHandle, wall_now},
};
use stoa_testkit::Place;
use tempfile::TempDir;
use tonic::{Code, Status, body::Body as GrpcBody};
use tower::ServiceExt;

use crate::{Answer, backends, consistency};

/// Business time when a suite starts: 2026-03-02T09:00:00Z.
#[must_use]
pub const fn start_time() -> Timestamp {
    Timestamp::from_micros(1_772_442_000_000_000)
}

/// Returns the seed of the disorder in which events arrive; `SEED=7` repeats a
/// run. JetStream has a disorder of its own.
fn start_seed() -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    (!cfg!(feature = "backends")).then_some(seed)
}

/// All services in this process, with stores of their own. Events are delivered
/// and jobs run when the test says so.
pub struct TestSuite {
    /// The suite.
    pub suite: Suite,
    /// Drives business time.
    pub clock: ClockHandle,
    business: Clock,
    http: Router,
    // Removed with the suite.
    _places: (TempDir, Place),
}

impl TestSuite {
    /// Starts a suite whose bus shuffles, delays and duplicates events. With
    /// the feature `backends` it runs over JetStream, which does so by itself.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(start_seed(), start_time()).await
    }

    /// Starts a suite whose bus shuffles, delays and duplicates events by a
    /// seed, or keeps their order if there is none.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_with(shuffle_seed: Option<u64>, now: Timestamp) -> Result<Self> {
        Self::configured(shuffle_seed, now, |_| {}).await
    }

    /// Like [`TestSuite::start`], with an additional role.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_with_role(role: &str, permissions: &[&str]) -> Result<Self> {
        Self::start_with_role_observed(role, permissions, None).await
    }

    /// Like [`TestSuite::start_with_role`], with observers of what the stores
    /// run.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_with_role_observed(role: &str, permissions: &[&str], observers: Option<Observers>) -> Result<Self> {
        let permissions = permissions.iter().map(|p| (*p).to_owned()).collect();
        let add = |config: &mut Config| drop(config.auth.roles.insert(role.to_owned(), permissions));
        Self::observed(start_seed(), start_time(), observers, add).await
    }

    async fn configured(shuffle_seed: Option<u64>, now: Timestamp, change: impl FnOnce(&mut Config)) -> Result<Self> {
        Self::observed(shuffle_seed, now, None, change).await
    }

    #[expect(clippy::print_stderr, reason = "a test has no log")]
    async fn observed(
        shuffle_seed: Option<u64>,
        now: Timestamp,
        observers: Option<Observers>,
        change: impl FnOnce(&mut Config),
    ) -> Result<Self> {
        eprintln!("events arrive by seed {shuffle_seed:?}");
        let (dir, place) = (TempDir::new()?, Place::new());
        let mut config = Config::embedded(dir.path())?;
        backends::choose(&mut config, &place, shuffle_seed.is_some()).await;
        change(&mut config);
        Self::run(config, (dir, place), now, Options { shuffle_seed, observers, ..Options::default() }).await
    }

    /// Starts a suite in places that are removed with it.
    pub(crate) async fn run(mut config: Config, places: (TempDir, Place), now: Timestamp, options: Options) -> Result<Self> {
        // Tests call faster than people do.
        config.limits.rate_per_caller_per_second = 1_000_000;
        config.limits.rate_burst = 1_000_000;
        config.limits.rate_per_tenant_per_second = 1_000_000;
        config.limits.rate_tenant_burst = 1_000_000;
        let (clock, handle) = Clock::driven(now);
        let suite = Suite::start(config, Options { clock: clock.clone(), manual: true, ..options }).await?;
        let http = suite.http();
        Ok(Self { suite, clock: handle, business: clock, http, _places: places })
    }

    /// Returns the current business time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.business.now()
    }

    /// Returns a token of the tenant `acme`.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn token(&self, roles: &[&str]) -> Result<String> {
        self.token_of(TokenRequest { roles: roles.iter().map(|r| (*r).to_owned()).collect(), ..TokenRequest::default() })
    }

    /// Returns a token of the administrator of the tenant `acme`.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn admin(&self) -> Result<String> {
        self.token(&["admin"])
    }

    /// Returns a token of somebody who reads reports.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn analyst(&self) -> Result<String> {
        self.token(&["analyst"])
    }

    /// Returns a token of the administrator of a partner.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn partner(&self, id: &str) -> Result<String> {
        let roles = vec!["partner_admin".to_owned()];
        self.token_of(TokenRequest {
            roles,
            subject: format!("persons/{id}-admin"),
            partner: Some(id.to_owned()),
            ..TokenRequest::default()
        })
    }

    /// Returns a token of the administrator of another tenant.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn other_tenant(&self) -> Result<String> {
        self.admin_of("globex")
    }

    /// Returns a token of the administrator of a tenant.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn admin_of(&self, tenant: &str) -> Result<String> {
        self.token_of(TokenRequest { tenant: tenant.to_owned(), roles: vec!["admin".to_owned()], ..TokenRequest::default() })
    }

    /// Returns a token of a service of the suite that acts on its own in a
    /// tenant.
    ///
    /// # Errors
    /// If the key of the services cannot be read.
    pub fn service(&self, tenant: &str) -> Result<String> {
        let key = Arc::new(ServiceKey::load(&self.suite.config.service_key_path().0)?);
        let cx = Cx::service(tenant, "analytics", &Clock::default(), "");
        Ok(ServiceSigner::new(key, "analytics").sign("onboard", &cx, wall_now())?)
    }

    /// Returns a token for a request, with defaults for what the request leaves
    /// empty.
    ///
    /// # Errors
    /// If the local key cannot sign the token.
    pub fn token_of(&self, mut request: TokenRequest) -> Result<String> {
        if request.tenant.is_empty() {
            request.tenant = "acme".to_owned();
        }
        if request.subject.is_empty() {
            request.subject = "persons/test".to_owned();
        }
        request.ttl_s = 3600;
        self.suite.keys.token(&request)
    }

    /// Creates a gRPC client.
    ///
    /// # Errors
    /// If the token is not a valid header value.
    pub fn client(&self, token: &str) -> Result<Client> {
        Client::new(self.suite.stack.clone(), token)
    }

    /// Calls the gateway. A null body or an empty token is not sent.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn http(&self, method: &str, path: &str, body: &Value, token: &str) -> Result<Answer> {
        self.http_with(method, path, body, token, &[]).await
    }

    /// Calls the gateway with further headers.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn http_with(&self, method: &str, path: &str, body: &Value, token: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, text, token, headers).await
    }

    /// Calls the gateway with a body as given.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, method: &str, path: &str, body: String, token: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes())?).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = self.http.clone().oneshot(request.body(Body::from(body))?).await?.into_parts();
        let text = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, text })
    }

    /// Calls a method with an empty message and returns the status in the
    /// headers: OK if the call was let through and is answered.
    ///
    /// # Errors
    /// If the request cannot be built.
    pub async fn grpc(&self, path: &str, token: &str) -> Result<Status> {
        let empty = http_body_util::Full::new(axum::body::Bytes::from_static(&[0; 5]));
        let mut request =
            Request::builder().method(Method::POST).uri(path).header(header::CONTENT_TYPE, "application/grpc").header("te", "trailers");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = self.suite.stack.clone().oneshot(request.body(GrpcBody::new(empty))?).await?;
        Ok(status_of(answer.headers()))
    }

    /// Calls a method with one message and returns the answer.
    ///
    /// # Errors
    /// If the request cannot be built or the answer cannot be read.
    pub async fn call(&self, path: &str, message: &[u8], token: &str) -> Result<Result<Bytes, Status>> {
        Ok(match self.exchange(path, &[message.to_vec()], token).await? {
            Ok(answers) => Ok(answers.into_iter().next().context("an answer without a message")?),
            Err(status) => Err(status),
        })
    }

    /// Calls a method with the messages of a stream, or with one message, and
    /// returns all answers.
    ///
    /// # Errors
    /// If the request cannot be built or the answer cannot be read.
    pub async fn exchange(&self, path: &str, messages: &[Vec<u8>], token: &str) -> Result<Result<Vec<Bytes>, Status>> {
        let mut framed = Vec::new();
        for message in messages {
            framed.push(0);
            framed.extend(u32::try_from(message.len())?.to_be_bytes());
            framed.extend(message);
        }
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(GrpcBody::new(http_body_util::Full::new(Bytes::from(framed))))?;
        let (parts, body) = self.suite.stack.clone().oneshot(request).await?.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let status = [&parts.headers, &trailers].into_iter().find_map(Status::from_header_map).context("an answer without a status")?;
        if status.code() != Code::Ok {
            return Ok(Err(status));
        }
        unframed(body.to_bytes()).map(Ok)
    }

    /// Delivers all events; none may be parked.
    ///
    /// # Errors
    /// If an event could not be delivered.
    pub async fn settle(&self) -> Result<()> {
        self.suite.settle().await?;
        let parked = self.suite.parked_count().await?;
        ensure!(parked == 0, "{parked} events are parked");
        Ok(())
    }

    /// Ends the test: all events must be delivered, none may be parked, every
    /// document must be as its last event says, and every copy like its
    /// original.
    ///
    /// # Errors
    /// If one of these does not hold.
    pub async fn finish(self) -> Result<()> {
        self.settle().await?;
        let found = consistency::differences(&self.suite).await?;
        ensure!(found.is_empty(), "{} differences between stores and logs:\n{}", found.len(), found.join("\n"));
        self.suite.stop().await;
        Ok(())
    }
}

/// Returns the messages of an answer's body.
fn unframed(mut body: Bytes) -> Result<Vec<Bytes>> {
    let mut messages = Vec::new();
    while !body.is_empty() {
        ensure!(body.len() >= 5, "an answer ends within a message");
        let length = u32::from_be_bytes([body[1], body[2], body[3], body[4]]);
        let end = 5 + usize::try_from(length)?;
        ensure!(body.len() >= end, "an answer ends within a message");
        messages.push(body.slice(5..end));
        body = body.slice(end..);
    }
    Ok(messages)
}

fn status_of(headers: &HeaderMap) -> Status {
    Status::from_header_map(headers).unwrap_or_else(|| Status::new(Code::Ok, ""))
}
