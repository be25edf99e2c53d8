//! Calls to other services: in the same process or over the network, with the
//! caller's rights, trace and deadline.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use stoa_auth::ServiceSigner;
use stoa_kernel::{Clock, Cx, Error, clock::wall_now};
use tonic::{body::Body, transport::Endpoint};
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{answer::status, arrival::REQUEST_ID, deadline, door::PASSED_ON};

/// A service that answers gRPC requests and never fails otherwise: the type
/// parameter of every generated client.
pub type Channel = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// A place for this process's own stack. Its services call each other through
/// it, so it is filled once they exist.
#[derive(Clone, Default)]
pub struct LocalStack(Arc<OnceLock<Channel>>);

impl LocalStack {
    /// Fills the place. A second call changes nothing.
    pub fn set(&self, stack: Channel) {
        let _ = self.0.set(stack);
    }
}

#[derive(Clone)]
enum Peer {
    Local(LocalStack),
    Remote(Channel),
}

/// The other services, as one service reaches them.
#[derive(Clone)]
pub struct Peers {
    signer: Arc<ServiceSigner>,
    peers: Arc<BTreeMap<String, Peer>>,
}

impl Peers {
    /// Starts without any service. `signer` signs as the calling service.
    #[must_use]
    pub fn new(signer: ServiceSigner) -> Self {
        Self { signer: Arc::new(signer), peers: Arc::default() }
    }

    /// Reaches `service` in this process.
    #[must_use]
    pub fn local(self, service: &str, stack: &LocalStack) -> Self {
        self.with(service, Peer::Local(stack.clone()))
    }

    /// Reaches `service` over HTTP/2 at an address like `http://sell:8080`.
    /// Connects at the first call, and again whenever the connection is lost.
    ///
    /// # Errors
    /// If the address cannot be read.
    pub fn remote(self, service: &str, address: &str) -> anyhow::Result<Self> {
        // Between services, the mesh or the cluster's network encrypts.
        ensure!(address.starts_with("http://"), "peer {service}: the address `{address}` must start with http://");
        let endpoint = Endpoint::from_shared(address.to_owned()).with_context(|| format!("peer {service}: address `{address}`"))?;
        let channel = endpoint
            .connect_timeout(Duration::from_secs(3))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .connect_lazy();
        let finished = tower::service_fn(move |request: Request<Body>| {
            let channel = channel.clone();
            async move { Ok::<_, Infallible>(channel.oneshot(request).await.map(|r| r.map(Body::new)).unwrap_or_else(unreachable)) }
        });
        Ok(self.with(service, Peer::Remote(BoxCloneSyncService::new(finished))))
    }

    /// A channel that passes requests on unchanged, with their token: for the
    /// gateway, which calls as its callers.
    #[must_use]
    pub fn as_caller(&self, service: &str) -> Channel {
        let peer = self.peers.get(service).cloned();
        let (peers, service): (_, Arc<str>) = (self.clone(), service.into());
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
            let (peers, peer, service) = (peers.clone(), peer.clone(), service.clone());
            async move {
                Ok::<_, Infallible>(match peer {
                    Some(Peer::Remote(channel)) => {
                        let mut request = request;
                        if let Err(error) = peers.vouch(&service, request.headers_mut()) {
                            return Ok(status(error).into_http());
                        }
                        answered(channel, request).await
                    }
                    Some(Peer::Local(LocalStack(place))) => match place.get() {
                        Some(stack) => answered(stack.clone(), request).await,
                        None => missing(&service, "has not started in this process"),
                    },
                    None => missing(&service, "runs elsewhere and has no address. Set it below `peers`."),
                })
            }
        }))
    }

    /// Says that this process has counted a request against its caller's rate.
    fn vouch(&self, service: &str, headers: &mut HeaderMap) -> stoa_kernel::Result<()> {
        let cx = Cx::service("", "gateway", &Clock::system(), "");
        let token = self.signer.sign(service, &cx, wall_now()).map_err(Error::internal)?;
        headers.insert(PASSED_ON, sensitive(&token)?);
        Ok(())
    }

    fn with(mut self, service: &str, peer: Peer) -> Self {
        Arc::make_mut(&mut self.peers).insert(service.to_owned(), peer);
        self
    }

    /// A channel to a service, for the calls of one operation.
    #[must_use]
    pub fn channel(&self, service: &str, cx: &Cx) -> Channel {
        let peer = self.peers.get(service).cloned();
        BoxCloneSyncService::new(Call { peers: self.clone(), service: service.into(), peer, cx: Arc::new(cx.clone()) })
    }
}

#[derive(Clone)]
struct Call {
    peers: Peers,
    service: Arc<str>,
    peer: Option<Peer>,
    cx: Arc<Cx>,
}

impl tower::Service<Request<Body>> for Call {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = self.clone();
        Box::pin(async move { Ok(call.pass(request).await) })
    }
}

impl Call {
    async fn pass(self, mut request: Request<Body>) -> Response<Body> {
        let target = match self.peer.clone() {
            Some(Peer::Remote(channel)) => channel,
            Some(Peer::Local(LocalStack(place))) => match place.get() {
                Some(stack) => stack.clone(),
                None => return missing(&self.service, "has not started in this process"),
            },
            None => return missing(&self.service, "runs elsewhere and has no address. Set it below `peers`."),
        };
        if let Err(error) = self.sign(request.headers_mut()) {
            return status(error).into_http();
        }
        stoa_telemetry::inject(request.headers_mut());
        if let Ok(id) = HeaderValue::from_str(&self.cx.request_id)
            && !id.is_empty()
        {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        let Some(due) = self.cx.deadline else { return answered(target, request).await };
        if !deadline::pass_on(request.headers_mut(), due) {
            return deadline::exceeded();
        }
        // The target knows the deadline. This is for a target that does not
        // answer.
        deadline::within(Some(deadline::Due(due)), answered(target, request)).await
    }

    /// A token for this call alone: a stolen token opens one service for a
    /// minute.
    fn sign(&self, headers: &mut HeaderMap) -> stoa_kernel::Result<()> {
        let token = self.peers.signer.sign(&self.service, &self.cx, wall_now()).map_err(Error::internal)?;
        headers.insert(header::AUTHORIZATION, sensitive(&format!("Bearer {token}"))?);
        Ok(())
    }
}

/// A header value that no log shows.
fn sensitive(text: &str) -> stoa_kernel::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn answered(target: Channel, request: Request<Body>) -> Response<Body> {
    target.oneshot(request).await.unwrap_or_else(|never| match never {})
}

fn missing(service: &str, why: &str) -> Response<Body> {
    status(Error::unavailable(format!("service {service} {why}"))).into_http()
}

/// A failed connection, as an answer like any other.
fn unreachable(failure: tonic::transport::Error) -> Response<Body> {
    let mut cause = failure.to_string();
    let mut source = std::error::Error::source(&failure);
    while let Some(inner) = source {
        cause = format!("{cause}: {inner}");
        source = inner.source();
    }
    status(Error::unavailable(cause)).into_http()
}
