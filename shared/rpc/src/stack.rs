//! The path of every request to a service, whether from the network, from the
//! gateway or from another service in the same process.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use stoa_auth::AccessLayer;
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use tokio::sync::Semaphore;
use tonic::{Status, body::Body, service::Routes};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;

use crate::{
    Channel, Limits,
    answer::status,
    arrival, deadline,
    expiry::Expiry,
    observe::{self, Call, Meters},
    size::Limited,
};

/// The configuration of a stack.
#[derive(Clone)]
pub struct StackConfig {
    /// Who may call what.
    pub access: AccessLayer,
    /// How much it accepts.
    pub limits: Limits,
}

/// Merges the routes of several services with the description of the API. A
/// path that none of them has is UNIMPLEMENTED.
///
/// # Errors
/// If the API cannot be described.
pub fn merge(routes: impl IntoIterator<Item = Routes>) -> anyhow::Result<Routes> {
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(stoa_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let described = Routes::new(describe().build_v1()?).add_service(describe().build_v1alpha()?);
    // Each set of routes brings its own fallback, and only one can stay.
    let bare = routes.into_iter().chain([described]).map(|r| r.into_axum_router().reset_fallback());
    let merged = bare.fold(axum::Router::new(), axum::Router::merge);
    Ok(merged.fallback(unimplemented).into())
}

async fn unimplemented() -> Response<axum::body::Body> {
    Status::unimplemented("this process does not serve this method").into_http()
}

/// Wraps the routes of a process in everything that a request has to pass.
///
/// The result never fails. Whatever goes wrong becomes a complete gRPC answer,
/// because an `Err` would reach the caller as a broken connection and would be
/// missed by metrics.
#[must_use]
pub fn stack(routes: Routes, config: StackConfig) -> Channel {
    let services = ServiceBuilder::new().layer(config.access).map_request(arrival::complete_context as Map).service(routes.prepare());
    shell(services, &config.limits)
}

/// The layers outside of access: they identify, limit and count requests.
pub(crate) fn shell<S>(services: S, limits: &Limits) -> Channel
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let shared = Arc::new(Shared {
        meters: Meters::new(),
        permits: Semaphore::new(limits.concurrency_max),
        limit: Duration::from_millis(limits.deadline_ms_max),
        message_bytes_max: limits.message_bytes_max,
    });
    BoxCloneSyncService::new(Stack { services, shared })
}

type Map = fn(Request<Body>) -> Request<Body>;

struct Shared {
    meters: Meters,
    permits: Semaphore,
    limit: Duration,
    message_bytes_max: usize,
}

#[derive(Clone)]
struct Stack<S> {
    services: S,
    shared: Arc<Shared>,
}

impl<S> tower::Service<Request<Body>> for Stack<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Load is shed by an answer, never by making the caller wait here.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        pass(self.services.clone(), self.shared.clone(), request).map(Ok).boxed()
    }
}

/// Passes one request through all layers, outermost first.
async fn pass<S>(services: S, shared: Arc<Shared>, mut request: Request<Body>) -> Response<Body>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    // The request ID and the span come first: everything that follows, also a
    // refusal, belongs to the caller's trace and is found by its ID.
    let id = arrival::identify(&mut request);
    let span = stoa_telemetry::grpc_span(&request);
    span.record("request_id", id.as_str());

    // Metrics and the access log see the answer that the caller sees, so they
    // are outside of every layer that can create one.
    let path = request.uri().path();
    let call = Call::start(&shared.meters, path, &id, &span);
    let streams = observe::method(path).streams;
    let limit = if streams { None } else { Some(shared.limit) };

    // The access layer sets the end of the token here. An open stream ends with
    // it.
    let expiry = Expiry::default();
    request.extensions_mut().insert(expiry.clone());

    let work = async move {
        // Load is shed before anything costs time: an overloaded process that
        // still verifies tokens does not recover.
        let Ok(_permit) = shared.permits.try_acquire() else { return overloaded() };

        // The deadline covers access as well: a key may have to be fetched.
        let due = deadline::due(request.headers(), limit);
        if let Some(due) = due {
            request.extensions_mut().insert(due);
        }

        // Sizes are checked while the body is read, before it is in memory.
        let request = request.map(|body| Body::new(Limited::new(body, shared.message_bytes_max)));

        // Access is last: nothing between it and a service can be reached by a
        // caller without access.
        deadline::within(due, async move { services.oneshot(request).await.unwrap_or_else(|never| match never {}) }).await
    };

    // The guard is outside of everything that can panic and inside of
    // everything that has to see the panic.
    let guarded = async move {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => panicked(panic.as_ref()),
        }
    };
    let response = arrival::scope(id, guarded).instrument(span).await;
    call.track(if streams { expiry.limit(response) } else { response })
}

fn overloaded() -> Response<Body> {
    let text = "too many requests are in progress. Wait a second and retry.";
    status(Error::new(Kind::ResourceExhausted, ErrorReason::Overloaded, text).retry_after_ms(1000)).into_http()
}

fn panicked(panic: &(dyn Any + Send)) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    status(Error::internal(format!("panic: {}", text.unwrap_or("no message")))).into_http()
}
