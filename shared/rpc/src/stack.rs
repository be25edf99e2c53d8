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
use stoa_kernel::Error;
use tonic::{Status, body::Body, service::Routes};
use tower::{ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;

use crate::{
    Channel, Door, Origin, Visitor,
    answer::status,
    arrival, deadline,
    door::{Holding, Messages, full},
    expiry::Expiry,
    observe::{self, Call, Method},
    size::{self, Limited, PREFIX_BYTES},
};

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
pub fn stack(routes: Routes, door: Door) -> Channel {
    shell(routes.prepare(), door, Admission::Here)
}

/// Who decides whether a caller may do what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// This process: the request gets its context here.
    Here,
    /// The process to which the request is passed on, with its token.
    Elsewhere,
}

/// What every request passes on its way to services here or elsewhere.
pub(crate) fn shell<S>(services: S, door: Door, admission: Admission) -> Channel
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let shared = Arc::new(Shared { limit: Duration::from_millis(door.limits().deadline_ms_max), door, admission });
    BoxCloneSyncService::new(Stack { services, shared })
}

struct Shared {
    limit: Duration,
    door: Door,
    admission: Admission,
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

/// Passes one request through everything, outermost first.
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
    // are outside of everything that can create one.
    let path = request.uri().path();
    let call = Call::start(shared.door.meters(), path, &id, &span);
    let method = observe::method(path);

    // The end of the token is set here once it is known. An open stream ends with
    // it.
    let expiry = Expiry::default();

    // The deadline covers access as well: a key may have to be fetched.
    let due = deadline::due(request.headers(), (!method.streams()).then_some(shared.limit));
    if let Some(due) = due {
        request.extensions_mut().insert(due);
    }
    let work = enter(services, shared, request, method, expiry.clone());

    // The guard is outside of everything that can panic and inside of
    // everything that has to see the panic.
    let guarded = async move {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => panicked(panic.as_ref()),
        }
    };
    let response = arrival::scope(id, guarded).instrument(span).await;
    call.track(if method.streams() { expiry.limit(response) } else { response })
}

/// Lets a request in at the door, and answers it with what is left of the caller's
/// rate.
async fn enter<S>(services: S, shared: Arc<Shared>, request: Request<Body>, method: &'static Method, expiry: Expiry) -> Response<Body>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let (mut parts, body) = request.into_parts();
    let origin = parts.extensions.remove::<Origin>().filter(|_| parts.extensions.get::<Arrived>().is_none());
    let due = parts.extensions.get::<deadline::Due>().copied();
    let (rate, mut response) = match deadline::limit(due, shared.door.arrive(parts.uri.path(), &parts.headers, origin.as_ref())).await {
        None => (None, deadline::exceeded()),
        Some(Err(refusal)) => (refusal.rate, status(refusal.error).into_http()),
        Some(Ok(mut visitor)) => {
            if let Some(identity) = &visitor.identity {
                expiry.set_end(identity.expires);
            }
            let rate = visitor.rate.take();
            let answer = inside(services, &shared, Request::from_parts(parts, body), method, visitor);
            let answer = answer.map(|answer| answer.unwrap_or_else(|error| status(error).into_http()));
            (rate, deadline::within(due, answer).await)
        }
    };
    if let Some(rate) = rate {
        rate.write(response.headers_mut());
    }
    response
}

/// Reads the request, waits for its turn, and has it answered.
async fn inside<S>(
    services: S,
    shared: &Shared,
    request: Request<Body>,
    method: &'static Method,
    mut visitor: Visitor,
) -> stoa_kernel::Result<Response<Body>>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let door = &shared.door;
    let (mut parts, body) = request.into_parts();
    let limits = door.limits();
    // Sizes are checked while the body is read, before it is in memory.
    let message_bytes_max = if method.client_streams { door.row_bytes_max(&visitor) } else { door.message_bytes_max(&visitor) };
    let body = Limited::new(body, message_bytes_max);
    let stream = if method.streams() { door.stream(&visitor)? } else { None };
    let (body, charge) = if method.client_streams {
        let idle_max = Duration::from_secs(limits.stream_idle_s_max);
        // A question of reflection costs as much as a request.
        let counted = if method.is_reflection { door.counted(&visitor) } else { None };
        (Body::new(Messages::new(body.charged(door.charge(&visitor)), idle_max, counted)), None)
    } else {
        let due = parts.extensions.get::<deadline::Due>().map(|due| due.0);
        let bytes_max = message_bytes_max + PREFIX_BYTES;
        let (bytes, charge) = door.read(&visitor, body, bytes_max, due, || size::too_large(bytes_max, message_bytes_max)).await?;
        door.verify_webhook(&visitor, &parts, &bytes)?;
        (full(bytes), Some(charge))
    };
    door.require_reader(&visitor)?;
    // Held until the headers of the answer.
    let _turn = match parts.extensions.remove::<Arrived>() {
        Some(Arrived) => None,
        None => Some(door.turn(&visitor).await?),
    };
    if method.client_streams {
        parts.extensions.insert(door.rows(&visitor));
    }
    if shared.admission == Admission::Here {
        door.access().admit(visitor.identity.take(), &mut parts).await?;
    } else {
        parts.extensions.insert(Arrived);
    }
    let request = arrival::complete_context(Request::from_parts(parts, body));
    let response = services.oneshot(request).await.unwrap_or_else(|never| match never {});
    Ok(match stream {
        Some(stream) => response.map(|body| Body::new(Holding::new(body, (stream, charge)))),
        None => whole(door, &visitor, response).await,
    })
}

/// An answer of one message, whose bytes count until the caller has taken them. It
/// is complete before its turn ends.
async fn whole(door: &Door, visitor: &Visitor, response: Response<Body>) -> Response<Body> {
    if http_body::Body::is_end_stream(response.body()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, Body::new(door.whole(visitor, body).await))
}

/// Marks a request that has come through the door of this process, and has its turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived;

fn panicked(panic: &(dyn Any + Send)) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    status(Error::internal(format!("panic: {}", text.unwrap_or("no message")))).into_http()
}
