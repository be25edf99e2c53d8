//! A suite for a test.

use anyhow::{Result, ensure};
use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use serde_json::Value;
use stoa::{
    client::Door,
    suite::{Options, Suite},
};
use stoa_auth::TokenRequest;
use stoa_config::Config;
use stoa_kernel::{Clock, Timestamp, clock::ClockHandle};
use tempfile::TempDir;
use tonic::{Code, Status, body::Body as GrpcBody};
use tower::ServiceExt;

use crate::Answer;

/// Where business time stands when a suite starts: 2026-03-02T09:00:00Z.
#[must_use]
pub const fn start_time() -> Timestamp {
    Timestamp::from_micros(1_772_442_000_000_000)
}

/// All services in this process, on a temporary folder. Events move and jobs
/// run when the test says so.
pub struct TestSuite {
    /// The suite.
    pub suite: Suite,
    /// Drives business time.
    pub clock: ClockHandle,
    http: Router,
    // Removed with the suite.
    _dir: TempDir,
}

impl TestSuite {
    /// Starts a suite whose events come in order.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(None, start_time()).await
    }

    /// Starts a suite whose bus shuffles, delays and doubles events by a seed.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start_with(shuffle_seed: Option<u64>, now: Timestamp) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut config = Config::embedded(dir.path())?;
        // Tests call faster than people do.
        config.limits.rate_per_caller_per_second = 1_000_000;
        config.limits.rate_burst = 1_000_000;
        let (clock, handle) = Clock::driven(now);
        let suite = Suite::start(config, Options { clock, shuffle_seed, by_hand: true }).await?;
        let http = suite.http();
        Ok(Self { suite, clock: handle, http, _dir: dir })
    }

    /// A token of the tenant `acme`.
    ///
    /// # Errors
    /// Where the local key refuses.
    pub fn token(&self, roles: &[&str]) -> Result<String> {
        self.token_of(TokenRequest { roles: roles.iter().map(|r| (*r).to_owned()).collect(), ..TokenRequest::default() })
    }

    /// The administrator of the tenant `acme`.
    ///
    /// # Errors
    /// Where the local key refuses.
    pub fn admin(&self) -> Result<String> {
        self.token(&["admin"])
    }

    /// Somebody who reads reports.
    ///
    /// # Errors
    /// Where the local key refuses.
    pub fn analyst(&self) -> Result<String> {
        self.token(&["analyst"])
    }

    /// The administrator of a partner organization.
    ///
    /// # Errors
    /// Where the local key refuses.
    pub fn partner(&self, id: &str) -> Result<String> {
        let roles = vec!["partner_admin".to_owned()];
        self.token_of(TokenRequest {
            roles,
            subject: format!("persons/{id}-admin"),
            partner: Some(id.to_owned()),
            ..TokenRequest::default()
        })
    }

    /// The administrator of another tenant.
    ///
    /// # Errors
    /// Where the local key refuses.
    pub fn other_tenant(&self) -> Result<String> {
        self.token_of(TokenRequest { tenant: "globex".to_owned(), roles: vec!["admin".to_owned()], ..TokenRequest::default() })
    }

    /// A token with what the request leaves open filled in.
    ///
    /// # Errors
    /// Where the local key refuses.
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

    /// A gRPC client.
    ///
    /// # Errors
    /// Where the token is no header value.
    pub fn door(&self, token: &str) -> Result<Door> {
        Door::new(self.suite.stack.clone(), token)
    }

    /// Calls the gateway; a null body is none, an empty token is none.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn http(&self, method: &str, path: &str, body: &Value, token: &str) -> Result<Answer> {
        self.http_with(method, path, body, token, &[]).await
    }

    /// Calls the gateway with further headers.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn http_with(&self, method: &str, path: &str, body: &Value, token: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, text, token, headers).await
    }

    /// Calls the gateway with a body as it is.
    ///
    /// # Errors
    /// Where no answer comes.
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

    /// Calls a method with an empty message and gives its status, as far as it
    /// stands in the headers: OK where the call was let through and answers.
    ///
    /// # Errors
    /// Where the request cannot be built.
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

    /// Everything delivered, nothing parked.
    ///
    /// # Errors
    /// Where an event could not be delivered.
    pub async fn settle(&self) -> Result<()> {
        self.suite.settle().await?;
        let parked = self.suite.parked_count().await?;
        ensure!(parked == 0, "{parked} events are parked");
        Ok(())
    }

    /// Ends the test: everything delivered, nothing parked.
    ///
    /// # Errors
    /// Where an event could not be delivered.
    pub async fn finish(self) -> Result<()> {
        self.settle().await?;
        self.suite.stop().await;
        Ok(())
    }
}

fn status_of(headers: &HeaderMap) -> Status {
    Status::from_header_map(headers).unwrap_or_else(|| Status::new(Code::Ok, ""))
}
