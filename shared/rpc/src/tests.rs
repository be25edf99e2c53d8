//! A small suite: an event service that misbehaves on demand, behind the real
//! stack.

mod door;
mod layers;
mod network;
mod pass_through;
mod peers;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use stoa_auth::{Access, LocalKey, Roles, Rule, Rules, ServiceKey, ServiceSigner, ServiceVerifier, TokenRequest, Verifier};
use stoa_kernel::{Clock, Error};
use stoa_proto::events::v1::{
    Event, ListEventsRequest, ListEventsResponse, ListParkedEventsRequest, ListParkedEventsResponse, ReadEventsRequest, ReadEventsResponse,
    ReplayParkedEventsRequest, ReplayParkedEventsResponse,
    event_service_client::EventServiceClient,
    event_service_server::{EventService, EventServiceServer},
};
use stoa_telemetry::{Telemetry, TelemetryConfig};
use tokio::sync::Notify;
use tonic::{Request, Response, Status, service::Routes};

use crate::*;

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| {
    let quiet = TelemetryConfig { log_filter: "off".to_owned(), ..TelemetryConfig::default() };
    stoa_telemetry::init(&quiet).unwrap()
});

/// Does what the request's `service` says.
#[derive(Clone)]
struct Misbehaving(Peers, Arc<Notify>);

#[tonic::async_trait]
impl EventService for Misbehaving {
    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let (cx, request) = enter(request)?;
        match request.service.as_str() {
            "panics" => panic!("the deal has no customer"),
            "hangs" => {
                self.1.notify_one();
                std::future::pending().await
            }
            "fails" => return answer(Err(Error::internal("disk full"))),
            "relays" => {
                let mut next = EventServiceClient::new(self.0.channel("enable", &cx));
                let request = ListEventsRequest { service: "echo".to_owned(), ..ListEventsRequest::default() };
                return answer(next.list_events(request).await.map(Response::into_inner).map_err(|s| error(&s)));
            }
            _ => {}
        }
        let left = cx.deadline.map(|d| d.saturating_duration_since(std::time::Instant::now())).unwrap_or_default();
        let event = Event {
            tenant: cx.tenant,
            actor: cx.caller.subject,
            on_behalf_of: cx.caller.on_behalf_of,
            request_id: cx.request_id,
            traceparent: stoa_telemetry::traceparent(),
            changed_fields: cx.caller.roles.into_iter().collect(),
            version: i64::try_from(left.as_millis()).unwrap(),
            ..Event::default()
        };
        answer(Ok(ListEventsResponse { events: vec![event], next_page_token: String::new() }))
    }

    type ReadEventsStream = BoxStream<'static, Result<ReadEventsResponse, Status>>;

    async fn read_events(&self, request: Request<ReadEventsRequest>) -> Result<Response<Self::ReadEventsStream>, Status> {
        let from = request.into_inner().position;
        let rows = (from + 1..=from + 3).map(|position| Ok(ReadEventsResponse { event: None, position }));
        let last = futures::stream::iter([Err(status(Error::not_found("events/4")))]);
        Ok(Response::new(futures::stream::iter(rows).chain(last).boxed()))
    }

    async fn list_parked_events(&self, _: Request<ListParkedEventsRequest>) -> Result<Response<ListParkedEventsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn replay_parked_events(&self, _: Request<ReplayParkedEventsRequest>) -> Result<Response<ReplayParkedEventsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

struct Suite {
    stack: Channel,
    door: Door,
    place: LocalStack,
    local: Arc<LocalKey>,
    services: Arc<ServiceKey>,
    /// Notified when a request that hangs has arrived.
    busy: Arc<Notify>,
}

impl Suite {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    /// All services of the suite are the same service, which is enough to see
    /// how they call each other.
    fn with(limits: Limits) -> Self {
        Self::with_keys(Arc::new(LocalKey::generate().unwrap()), Arc::new(ServiceKey::generate().unwrap()), limits)
    }

    /// Another process of the same installation.
    fn beside(other: &Self) -> Self {
        Self::with_keys(other.local.clone(), other.services.clone(), Limits::default())
    }

    /// A suite whose events can be listed only with a link.
    fn with_link(limits: Limits) -> Self {
        let rule = Rule::Signed { permission: "events.read".to_owned(), webhook: false };
        let rules = Rules::from_table([("/stoa.events.v1.EventService/ListEvents".to_owned(), rule)]);
        Self::with_rules(rules, Arc::new(LocalKey::generate().unwrap()), Arc::new(ServiceKey::generate().unwrap()), limits)
    }

    fn with_keys(local: Arc<LocalKey>, services: Arc<ServiceKey>, limits: Limits) -> Self {
        Self::with_rules(Rules::of_api().unwrap(), local, services, limits)
    }

    fn with_rules(rules: Rules, local: Arc<LocalKey>, services: Arc<ServiceKey>, limits: Limits) -> Self {
        LazyLock::force(&TELEMETRY);
        let (place, busy) = (LocalStack::default(), Arc::new(Notify::new()));
        let peers = Peers::new(ServiceSigner::new(services.clone(), "onboard")).local("enable", &place);
        let routes = merge([Routes::new(EventServiceServer::new(Misbehaving(peers, busy.clone()))), pass_through::enrollments()]).unwrap();
        let roles = Arc::new(Roles::standard());
        let verifier = Verifier::new(Vec::new(), &roles).unwrap().with_local_key(&local, &roles).unwrap();
        let verifier = verifier.with_services(ServiceVerifier::new(&services, &["onboard", "enable", "sell"]).unwrap());
        let access = Access::new(rules, roles, Arc::new(verifier), Clock::system(), None).with_links(services.link_key().unwrap());
        let door = Door::new(access, limits);
        let stack = stack(routes, door.clone());
        place.set(stack.clone());
        Self { stack, door, place, local, services, busy }
    }

    fn token(&self) -> String {
        self.token_of("auditor")
    }

    fn token_of(&self, role: &str) -> String {
        let request = TokenRequest {
            tenant: "acme".to_owned(),
            subject: "persons/ann".to_owned(),
            roles: vec![role.to_owned()],
            ttl_s: 600,
            ..TokenRequest::default()
        };
        format!("Bearer {}", self.local.sign(&request).unwrap())
    }

    fn request(&self, service: &str) -> Request<ListEventsRequest> {
        let mut request = Request::new(ListEventsRequest { service: service.to_owned(), ..ListEventsRequest::default() });
        request.metadata_mut().insert("authorization", self.token().parse().unwrap());
        request
    }

    fn client(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.stack.clone())
    }

    async fn list(&self, service: &str) -> Result<ListEventsResponse, Status> {
        self.client().list_events(self.request(service)).await.map(Response::into_inner)
    }
}

fn reason(status: &Status) -> &'static str {
    error(status).reason().as_str()
}
