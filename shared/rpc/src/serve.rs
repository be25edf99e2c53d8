//! The server: gRPC, gRPC-Web and plain HTTP on one port.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use axum::Router;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{
    Channel, Door, Limits, Origin,
    answer::status,
    deadline,
    door::{Connection, Holding, LEFT, POLICY, overloaded},
    size::Limited,
};

/// Headers of answers that web pages may read.
const EXPOSED: [HeaderName; 9] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    HeaderName::from_static("x-request-id"),
    header::ETAG,
    header::RETRY_AFTER,
    header::LOCATION,
    POLICY,
    LEFT,
];

/// Bytes of a request that are on their way before it is read.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// Bytes of all requests of a connection that are on their way before they are read.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Health checks in progress.
const HEALTH_CHECKS_MAX: usize = 256;
/// Open streams that watch health.
const HEALTH_WATCHES_MAX: usize = 64;
const HEALTH_REQUEST_BYTES_MAX: usize = 1024;
/// Time in which a health check has to arrive.
const HEALTH_READ_MAX: Duration = Duration::from_secs(2);

/// The configuration of a server.
#[derive(Clone)]
pub struct ServeConfig {
    /// The door, whose limits hold for connections, too.
    pub door: Door,
    /// Origins whose pages may call. `*` alone means all.
    pub cors_origins: Vec<String>,
    /// Answers whatever is not gRPC: the gateway. If absent, the answer is "not
    /// found".
    pub http: Option<Router>,
}

/// Serves a stack until told to stop. The stop is orderly: health says "not
/// serving", load balancers get time to notice, no more connections are
/// accepted, and requests in progress may finish within the grace period.
///
/// # Errors
/// If an origin cannot be read or the listener fails.
pub async fn serve(listener: TcpListener, stack: Channel, config: ServeConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let (health, grpc) = grpc(stack);
    let front = front(grpc, config.http.clone().unwrap_or_default());
    // CORS is the outermost layer: a preflight carries no token, and the page
    // must be able to read refusals as well.
    let front = cors(&config.cors_origins)?.layer(front);

    let limits = config.door.limits();
    let mut server = Server::builder()
        // gRPC-Web and the gateway speak HTTP/1.1.
        .accept_http1(true)
        .max_concurrent_streams(limits.streams_per_connection_max)
        // What a client may send before anybody has decided to read it.
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(Duration::from_secs(60)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)));
    if limits.connection_age_s_max > 0 {
        // A connection pins its client to this process. Without a maximum age,
        // new replicas would stay idle. Streams get the same time again to end.
        let age = Duration::from_secs(limits.connection_age_s_max);
        server = server.max_connection_age(age).max_connection_age_grace(age);
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(Duration::from_secs(60)));
    let incoming = config.door.connections().accept(incoming);
    let serving = server.serve_with_incoming_shutdown(on_connections(front), incoming, leave(stop.clone(), health, limits.lame_duck_ms));
    tokio::select! {
        ended = serving => ended.context("the server"),
        () = grace_over(stop, limits) => {
            // Some connections never end on their own, but the process must.
            tracing::warn!("some requests did not finish within the grace period and are cut off");
            Ok(())
        }
    }
}

/// Tells requests where they come from, and connections which requests are in
/// progress on them.
fn on_connections<S, B>(
    front: S,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    tower::service_fn(move |mut request: Request<Body>| {
        let front = front.clone();
        async move {
            let Some(connection) = request.extensions_mut().remove::<Connection>() else {
                return front.oneshot(request).await.map(|response| response.map(Body::new));
            };
            let on = connection.request();
            request.extensions_mut().insert(Origin(connection));
            front.oneshot(request).await.map(|response| response.map(|body| Body::new(Holding::new(body, on))))
        }
    })
}

/// The stack, and health beside it: load must not hide that the process is
/// alive, and a probe has no token.
fn grpc(
    stack: Channel,
) -> (HealthReporter, impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static) {
    let (reporter, health) = tonic_health::server::health_reporter();
    let health = limited_health(Routes::new(health).prepare());
    let service = tower::service_fn(move |request: Request<Body>| {
        let target = if request.uri().path().starts_with("/grpc.health.v1.Health/") { health.clone() } else { stack.clone() };
        target.oneshot(request)
    });
    (reporter, service)
}

/// Health with limits of its own, because anybody may ask. A watch ends with its
/// connection.
fn limited_health(routes: Routes) -> Channel {
    let (checks, watches) = (Arc::new(Semaphore::new(HEALTH_CHECKS_MAX)), Arc::new(Semaphore::new(HEALTH_WATCHES_MAX)));
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
        let is_watch = request.uri().path().ends_with("/Watch");
        let places = if is_watch { &watches } else { &checks };
        let (routes, place) = (routes.clone(), places.clone().try_acquire_owned());
        async move {
            let Ok(place) = place else { return Ok(status(overloaded("too many health checks are in progress")).into_http()) };
            let request = request.map(|body| Body::new(Limited::new(body, HEALTH_REQUEST_BYTES_MAX)));
            let answer = tokio::time::timeout(HEALTH_READ_MAX, routes.oneshot(request)).await;
            let answer = answer.unwrap_or_else(|_| Ok(deadline::exceeded()));
            if !is_watch {
                return answer;
            }
            answer.map(|response| response.map(|body| Body::new(Holding::new(body, place))))
        }
    }))
}

/// Distinguishes gRPC from HTTP by the content type, as the protocols
/// themselves do.
fn front(
    grpc: impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    http: Router,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static {
    let grpc = GrpcWebLayer::new().layer(grpc);
    tower::service_fn(move |request: Request<Body>| {
        let (grpc, http) = (grpc.clone(), http.clone());
        async move {
            let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
            if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
                grpc.oneshot(request).await.map(|r| r.map(Body::new))
            } else {
                http.oneshot(request.map(axum::body::Body::new)).await.map(|r| r.map(Body::new))
            }
        }
    })
}

fn cors(origins: &[String]) -> anyhow::Result<CorsLayer> {
    Ok(CorsLayer::new()
        .allow_origin(allowed(origins)?)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(600)))
}

/// `*` alone means every origin: no cookie grants access here, so a page needs
/// a token of its own.
fn allowed(origins: &[String]) -> anyhow::Result<AllowOrigin> {
    if origins == ["*"] {
        return Ok(AllowOrigin::any());
    }
    ensure!(origins.iter().all(|origin| origin != "*"), "CORS origin `*` means all origins. List it alone, or list origins.");
    let header = |origin: &String| HeaderValue::from_str(origin.trim_end_matches('/')).with_context(|| format!("CORS origin `{origin}`"));
    Ok(AllowOrigin::list(origins.iter().map(header).collect::<anyhow::Result<Vec<_>>>()?))
}

/// Resolves when the server has to stop accepting.
async fn leave(stop: CancellationToken, health: HealthReporter, lame_duck_ms: u64) {
    stop.cancelled().await;
    health.set_service_status("", ServingStatus::NotServing).await;
    pause(Duration::from_millis(lame_duck_ms)).await;
}

async fn grace_over(stop: CancellationToken, limits: &Limits) {
    stop.cancelled().await;
    pause(Duration::from_millis(limits.lame_duck_ms + limits.shutdown_grace_ms)).await;
}

#[expect(clippy::disallowed_methods, reason = "stopping takes time: load balancers must notice, requests must end")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
