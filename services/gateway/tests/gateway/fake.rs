//! A fake service, and helpers to call the gateway in front of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::Body,
    extract::Request as HttpRequest,
    response::Response as HttpResponse,
    routing::{MethodRouter, post},
};
use futures::{StreamExt, stream::BoxStream};
use http::Method;
use prost::{Message, Name};
use stoa_auth::{Access, LocalKey, Roles, Rule, Rules, TokenRequest, Verifier};
use stoa_gateway::{GatewayConfig, gateway};
use stoa_kernel::{Clock, Error};
use stoa_proto::{
    codec::Codec,
    describe,
    events::v1::{
        Event, ListEventsRequest, ListEventsResponse, ListParkedEventsRequest, ListParkedEventsResponse, ReadEventsRequest,
        ReadEventsResponse, ReplayParkedEventsRequest, ReplayParkedEventsResponse,
        event_service_server::{EventService, EventServiceServer},
    },
    onboard::v1::{BulkEnrollRequest, BulkEnrollResponse, Program, UpdateProgramRequest},
};
use stoa_rpc::{Channel, Door, Limits, status};
use tonic::{Request, Response, Status, Streaming, service::Routes};
use tower::{ServiceExt, util::BoxCloneSyncService};

/// Etag of the one program.
pub(crate) const ETAG: &str = "\"7\"";
/// Events of each log.
const LOG: i64 = 5;
/// Bytes of one event in the log `large`.
const LARGE_BYTES: usize = 6000;

/// Answers with its own name. The name of the log selects further behavior: `quiet`
/// sends nothing after a first event, `broken` fails after it, and `large` has large
/// events.
#[derive(Clone)]
pub(crate) struct Fake(pub(crate) &'static str);

#[tonic::async_trait]
impl EventService for Fake {
    type ReadEventsStream = BoxStream<'static, Result<ReadEventsResponse, Status>>;

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let token = request.metadata().get("authorization").map(|v| v.to_str().unwrap().to_owned());
        let request = request.into_inner();
        let event =
            Event { actor: self.0.to_owned(), aggregate: request.service.clone(), partner: token.unwrap_or_default(), ..Event::default() };
        let events = match request.service.as_str() {
            "large" => vec![Event { data: vec![7; LARGE_BYTES], ..event }; usize::try_from(request.page_size).unwrap()],
            _ => vec![event],
        };
        Ok(Response::new(ListEventsResponse { events, next_page_token: String::new() }))
    }

    async fn read_events(&self, request: Request<ReadEventsRequest>) -> Result<Response<Self::ReadEventsStream>, Status> {
        let ReadEventsRequest { service, position } = request.into_inner();
        let rows = futures::stream::iter(position + 1..=LOG).map(|position| Ok(ReadEventsResponse { event: None, position }));
        Ok(Response::new(match service.as_str() {
            "quiet" => rows.take(1).chain(futures::stream::pending()).boxed(),
            "broken" => rows.take(1).chain(futures::stream::iter([Err(status(Error::unavailable("disk full")))])).boxed(),
            _ => rows.boxed(),
        }))
    }

    async fn list_parked_events(&self, request: Request<ListParkedEventsRequest>) -> Result<Response<ListParkedEventsResponse>, Status> {
        Err(status(Error::not_found(&format!("{} in {}", request.into_inner().service, self.0))))
    }

    async fn replay_parked_events(&self, _: Request<ReplayParkedEventsRequest>) -> Result<Response<ReplayParkedEventsResponse>, Status> {
        Ok(Response::new(ReplayParkedEventsResponse { replayed_count: 1, failed_count: 0 }))
    }
}

/// A single unary method.
fn unary<Q, A>(answer: fn(Q) -> Result<A, Status>) -> MethodRouter
where
    Q: Message + Name + Default + 'static,
    A: Message + Name + Default + 'static,
{
    post(move |request: HttpRequest| async move {
        let service = tower::service_fn(move |request: Request<Q>| async move { answer(request.into_inner()).map(Response::new) });
        tonic::server::Grpc::new(Codec::<A, Q>::default()).unary(service, request.map(tonic::body::Body::new)).await
    })
}

fn update(request: UpdateProgramRequest) -> Result<Program, Status> {
    let program = request.program.unwrap_or_default();
    if program.etag.is_empty() || program.etag == ETAG {
        return Ok(Program { etag: "\"8\"".to_owned(), ..program });
    }
    Err(status(Error::etag_mismatch(&program.name)))
}

/// Answers each row as it arrives.
async fn bulk_enroll(request: HttpRequest) -> http::Response<tonic::body::Body> {
    let each = |request: Request<Streaming<BulkEnrollRequest>>| async {
        let answer = |row: Result<BulkEnrollRequest, Status>| {
            row.map(|row| BulkEnrollResponse { row_id: row.bulk_enrollment_id, ..BulkEnrollResponse::default() })
        };
        Ok::<_, Status>(Response::new(request.into_inner().map(answer)))
    };
    let codec = Codec::<BulkEnrollResponse, BulkEnrollRequest>::default();
    tonic::server::Grpc::new(codec).streaming(tower::service_fn(each), request.map(tonic::body::Body::new)).await
}

impl Fake {
    /// Returns the service, ready to be called.
    pub(crate) fn channel(self) -> Channel {
        let own = Router::new()
            .route("/stoa.onboard.v1.ProgramService/UpdateProgram", unary(update))
            .route("/stoa.onboard.v1.EnrollmentService/BulkEnroll", post(bulk_enroll));
        let events = Routes::new(EventServiceServer::new(self)).into_axum_router().reset_fallback();
        BoxCloneSyncService::new(Routes::from(own.merge(events)).prepare())
    }
}

static KEY: LazyLock<LocalKey> = LazyLock::new(|| LocalKey::generate().unwrap());

/// A door that lets in everybody who has a token.
pub(crate) fn door() -> Door {
    let roles = Arc::new(Roles::standard());
    let verifier = Verifier::new(Vec::new(), &roles).unwrap().with_local_key(&KEY, &roles).unwrap();
    let rules = Rules::from_table(describe::methods().map(|method| (describe::path(&method), Rule::Authenticated)));
    let limits = Limits { message_bytes_max: 64 * 1024, body_read_ms_max: 5000, ..Limits::default() };
    Door::new(Access::new(rules, roles, Arc::new(verifier), Clock::system(), None), limits)
}

/// A gateway in front of named services.
pub(crate) fn in_front_of(services: impl IntoIterator<Item = (&'static str, Channel)>) -> Router {
    let services: BTreeMap<String, Channel> = services.into_iter().map(|(name, channel)| (name.to_owned(), channel)).collect();
    gateway(GatewayConfig { services, door: door() })
}

/// A gateway in front of one process that runs everything.
pub(crate) fn plain() -> Router {
    let own = Fake("own").channel();
    in_front_of([("events", own.clone()), ("onboard", own)])
}

/// Asks with a valid token, unless the headers have another.
pub(crate) async fn ask(router: &Router, verb: Method, path: &str, headers: &[(&str, &str)], body: &str) -> HttpResponse {
    let own = token(60);
    let request = http::Request::builder().method(verb).uri(path);
    let request = if headers.iter().any(|(name, _)| *name == "authorization") { request } else { request.header("authorization", own) };
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

pub(crate) async fn text(response: HttpResponse) -> String {
    String::from_utf8(axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

pub(crate) async fn json(response: HttpResponse) -> serde_json::Value {
    serde_json::from_str(&text(response).await).unwrap()
}

/// A valid token.
pub(crate) fn token(ttl_s: u32) -> String {
    let request = TokenRequest { tenant: "acme".to_owned(), subject: "persons/ann".to_owned(), ttl_s, ..TokenRequest::default() };
    format!("Bearer {}", KEY.sign(&request).unwrap())
}
