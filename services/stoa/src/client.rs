//! Client of a suite, for the commands: calls the public API with a token.

use std::{convert::Infallible, time::Duration};

use anyhow::{Context, Result};
use futures::Stream;
use http::{HeaderValue, Request, Response, header, uri::PathAndQuery};
use stoa_proto::{
    call::{Call, Exchange},
    codec::Codec,
};
use stoa_rpc::Channel;
use tonic::{Code, Status, Streaming, body::Body, client::Grpc, transport::Endpoint};
use tonic_types::StatusExt;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

/// Maximum size of an answer in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How often a request that is refused for its rate is tried.
const TRIES_MAX: u32 = 20;

/// Calls a suite, in this process or another.
#[derive(Clone)]
pub struct Client(Channel);

impl Client {
    /// Creates a client that calls a stack with a token.
    ///
    /// # Errors
    /// If the token is not a valid header value.
    pub fn new(stack: Channel, token: &str) -> Result<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).context("the token has characters that a header cannot carry")?;
        value.set_sensitive(true);
        let signed = stack.map_request(move |mut request: Request<Body>| {
            request.headers_mut().insert(header::AUTHORIZATION, value.clone());
            request
        });
        Ok(Self(BoxCloneSyncService::new(signed)))
    }

    /// Connects to a process at an address such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// If the address is invalid or the connection fails.
    pub async fn connect(address: &str, token: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(address.to_owned()).with_context(|| format!("`{address}` is not an address"))?;
        let channel = endpoint.connect().await.with_context(|| format!("cannot connect to {address} (is the suite running?)"))?;
        let finished = service_fn(move |request: Request<Body>| {
            let channel = channel.clone();
            async move {
                let answer: Response<Body> = match channel.oneshot(request).await {
                    Ok(answer) => answer.map(Body::new),
                    Err(error) => Status::unavailable(format!("the connection failed: {error}")).into_http(),
                };
                Ok::<_, Infallible>(answer)
            }
        });
        Self::new(BoxCloneSyncService::new(finished), token)
    }

    /// Calls the method that takes this request. If the suite refuses it because too
    /// many requests arrive, it waits as long as the suite says and tries again.
    ///
    /// # Errors
    /// The error that the method returns.
    pub async fn call<R: Call + Clone>(&self, request: R) -> Result<R::Response, Status> {
        let mut tries_left = TRIES_MAX;
        loop {
            let mut grpc = self.ready().await;
            let asked = tonic::Request::new(request.clone());
            let refused = match grpc.unary(asked, PathAndQuery::from_static(R::PATH), Codec::default()).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(refused) => refused,
            };
            tries_left -= 1;
            match retry_delay(&refused) {
                Some(delay) if tries_left > 0 => pause(delay).await,
                _ => return Err(refused),
            }
        }
    }

    /// Calls the method that takes a stream of these requests, and returns its answers
    /// as they arrive.
    ///
    /// # Errors
    /// The error that the method returns before the first answer.
    pub async fn exchange<R: Exchange>(&self, requests: impl Stream<Item = R> + Send + 'static) -> Result<Streaming<R::Response>, Status> {
        let mut grpc = self.ready().await;
        let answers = grpc.streaming(tonic::Request::new(requests), PathAndQuery::from_static(R::PATH), Codec::default()).await?;
        Ok(answers.into_inner())
    }

    async fn ready(&self) -> Grpc<Channel> {
        let mut grpc = Grpc::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        match grpc.ready().await {
            Ok(()) => grpc,
            // A channel answers with a status and never fails.
            Err(never) => match never {},
        }
    }
}

/// How long to wait before a request that was refused unread is sent again.
fn retry_delay(refused: &Status) -> Option<Duration> {
    if refused.code() != Code::ResourceExhausted {
        return None;
    }
    refused.get_details_retry_info()?.retry_delay
}

#[expect(clippy::disallowed_methods, reason = "the suite says how long to wait")]
async fn pause(delay: Duration) {
    tokio::time::sleep(delay).await;
}
