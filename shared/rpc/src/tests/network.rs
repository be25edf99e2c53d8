use axum::{Router, routing::get};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use super::*;

pub(super) struct Served {
    pub(super) suite: Suite,
    pub(super) address: String,
    stop: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    pub(super) async fn start(limits: Limits) -> Self {
        Self::with_suite(Suite::with(limits)).await
    }

    pub(super) async fn with_suite(suite: Suite) -> Self {
        let stack = suite.stack.clone();
        Self::with(suite, stack).await
    }

    /// Serves a stack in place of the suite's own.
    pub(super) async fn with(suite: Suite, stack: Channel) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let http = Router::new().route("/v1/ping", get(|| async { "pong" }));
        let config =
            ServeConfig { door: suite.door.clone(), cors_origins: vec!["https://partners.example.com".to_owned()], http: Some(http) };
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, stack, config, stop.clone()));
        Self { suite, address, stop, server }
    }

    pub(super) async fn channel(&self) -> tonic::transport::Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// Sends one HTTP/1.1 request and reads to the end of the connection.
    pub(super) async fn raw(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let head = format!("{head}\r\nhost: stoa\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn reflection_lists_the_services_to_callers() {
    let served = Served::start(Limits::default()).await;
    let mut client = ServerReflectionClient::new(served.channel().await);
    let ask = || ServerReflectionRequest { host: String::new(), message_request: Some(MessageRequest::ListServices(String::new())) };
    let refused = client.server_reflection_info(tokio_stream::iter([ask()])).await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");

    let mut request = Request::new(tokio_stream::iter([ask()]));
    request.metadata_mut().insert("authorization", served.suite.token().parse().unwrap());
    let answer = client.server_reflection_info(request).await.unwrap().into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
    let names: Vec<&str> = list.service.iter().map(|s| s.name.as_str()).collect();
    assert!(names.contains(&"stoa.events.v1.EventService") && names.contains(&"grpc.health.v1.Health"), "{names:?}");
}

#[tokio::test]
async fn failures_arrive_complete_over_the_network() {
    let served = Served::start(Limits::default()).await;
    let mut client = EventServiceClient::new(served.channel().await);
    let status = client.list_events(served.suite.request("NOT VALID")).await.unwrap_err();
    assert_eq!(error(&status).fields()[0].field, "service");
    let status = client.list_events(served.suite.request("panics")).await.unwrap_err();
    assert_eq!(reason(&status), "INTERNAL");
    let mut unknown = tonic::client::Grpc::new(served.channel().await);
    unknown.ready().await.unwrap();
    let codec = stoa_proto::codec::Codec::<ListEventsRequest, ListEventsResponse>::default();
    let status = unknown.unary(served.suite.request("echo"), "/stoa.sell.v9.No/Thing".parse().unwrap(), codec).await.unwrap_err();
    assert_eq!(reason(&status), "NO_ACCESS_RULE");
}

pub(super) const WEB_HEAD: &str =
    "POST /stoa.events.v1.EventService/ListEvents HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\nauthorization: ";

pub(super) fn web_body(service: &str) -> Vec<u8> {
    let message = ListEventsRequest { service: service.to_owned(), ..ListEventsRequest::default() }.encode_to_vec();
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat()
}

#[tokio::test]
async fn grpc_web_works_over_http_1() {
    let served = Served::start(Limits::default()).await;
    let body = web_body("echo");
    let head = |token: &str| format!("{WEB_HEAD}{token}\r\norigin: https://partners.example.com");
    let answer = String::from_utf8_lossy(&served.raw(&head(&served.suite.token()), &body).await).to_lowercase();
    assert!(answer.starts_with("http/1.1 200") && answer.contains("application/grpc-web"), "{answer}");
    assert!(answer.contains("grpc-status:0") && answer.contains("persons/ann"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://partners.example.com"), "{answer}");
    assert!(answer.contains("access-control-expose-headers: grpc-status,grpc-message"), "{answer}");

    let refused = String::from_utf8_lossy(&served.raw(&head("Bearer none"), &body).await).to_lowercase();
    assert!(refused.contains("grpc-status: 16") && refused.contains("access-control-allow-origin"), "{refused}");
}

/// The HTTP server has its own timer for the same header and answers CANCELLED.
/// Ours has to be first.
#[tokio::test]
async fn the_deadline_is_answered_by_us() {
    let served = Served::start(Limits::default()).await;
    let head = format!("{WEB_HEAD}{}\r\ngrpc-timeout: 300m", served.suite.token());
    let answer = String::from_utf8_lossy(&served.raw(&head, &web_body("hangs")).await).to_lowercase();
    assert!(answer.contains("grpc-status: 4") && answer.contains("the%20deadline"), "{answer}");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let served = Served::start(Limits::default()).await;
    let preflight = async |origin: &str| {
        let head = format!(
            "OPTIONS /stoa.events.v1.EventService/ListEvents HTTP/1.1\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization,x-grpc-web"
        );
        String::from_utf8_lossy(&served.raw(&head, b"").await).to_lowercase()
    };
    let own = preflight("https://partners.example.com").await;
    assert!(own.contains("access-control-allow-origin") && own.contains("authorization,x-grpc-web"), "{own}");
    let other = preflight("https://evil.example.com").await;
    assert!(!other.contains("access-control-allow-origin"), "{other}");
}

#[tokio::test]
async fn plain_http_goes_to_the_gateway() {
    let served = Served::start(Limits::default()).await;
    assert!(String::from_utf8_lossy(&served.raw("GET /v1/ping HTTP/1.1", b"").await).ends_with("pong"));
    assert!(served.raw("GET /v1/nothing HTTP/1.1", b"").await.starts_with(b"HTTP/1.1 404"));
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_then_ends() {
    let served = Served::start(Limits { lame_duck_ms: 300, shutdown_grace_ms: 200, ..Limits::default() }).await;
    let mut health = HealthClient::new(served.channel().await);
    let check = || HealthCheckRequest { service: String::new() };
    assert_eq!(health.check(check()).await.unwrap().into_inner().status(), ServingStatus::Serving);

    let mut client = EventServiceClient::new(served.channel().await);
    let request = served.suite.request("hangs");
    let stuck = tokio::spawn(async move { client.list_events(request).await });
    served.suite.busy.notified().await;
    served.stop.cancel();
    let mut changes = health.watch(check()).await.unwrap().into_inner();
    while changes.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    assert_eq!(health.check(check()).await.unwrap().into_inner().status(), ServingStatus::NotServing, "it still answers");
    let ended = tokio::time::timeout(Duration::from_secs(5), served.server).await;
    ended.expect("the server ends with the grace period").unwrap().unwrap();
    assert!(TcpStream::connect(&served.address).await.is_err(), "nobody listens any more");
    stuck.abort();
}

#[tokio::test]
async fn origins_are_checked_at_start() {
    for origins in [&["https://a\n"][..], &["*", "https://partners.example.com"]] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let suite = Suite::new();
        let config = ServeConfig { door: suite.door.clone(), cors_origins: origins.iter().map(ToString::to_string).collect(), http: None };
        let refused = serve(listener, suite.stack, config, CancellationToken::new()).await.unwrap_err().to_string();
        assert!(refused.contains("CORS origin"), "{refused}");
    }
}

#[tokio::test]
async fn a_star_allows_every_origin() {
    let suite = Suite::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let config = ServeConfig { door: suite.door.clone(), cors_origins: vec!["*".to_owned()], http: None };
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, suite.stack.clone(), config, stop.clone()));
    let served = Served { suite, address, stop, server };
    let answer = String::from_utf8_lossy(&served.raw("GET /v1/ping HTTP/1.1\r\norigin: https://any.example.com", b"").await).to_lowercase();
    assert!(answer.contains("access-control-allow-origin: *"), "{answer}");
}
