use std::{collections::BTreeSet, time::Instant};

use stoa_kernel::{Caller, Cx, Kind, Reach};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;

fn user(clock: &Clock) -> Cx {
    let mut cx = Cx::service("acme", "onboard", clock, "");
    cx.caller = Caller {
        subject: "persons/ann".to_owned(),
        on_behalf_of: String::new(),
        issuer: String::new(),
        roles: BTreeSet::from(["auditor".to_owned()]),
        reach: Reach::Tenant,
        connector: String::new(),
        target: String::new(),
        assigned_only: false,
    };
    cx.request_id = "order-7".to_owned();
    cx
}

fn echo() -> ListEventsRequest {
    ListEventsRequest { service: "echo".to_owned(), ..ListEventsRequest::default() }
}

#[tokio::test]
async fn a_call_in_process_acts_for_the_user() {
    let suite = Suite::new();
    let mut request = suite.request("relays");
    request.metadata_mut().insert("traceparent", CALLER.parse().unwrap());
    request.metadata_mut().insert("x-request-id", "order-7".parse().unwrap());
    request.set_timeout(Duration::from_secs(20));
    let event = suite.client().list_events(request).await.unwrap().into_inner().events.remove(0);
    assert_eq!((event.actor.as_str(), event.on_behalf_of.as_str()), ("services/onboard", "persons/ann"));
    assert_eq!((event.tenant.as_str(), event.changed_fields.as_slice()), ("acme", &["auditor".to_owned()][..]), "the user's roles");
    assert_eq!(event.request_id, "order-7");
    assert_eq!(event.traceparent[3..35], CALLER[3..35], "one trace through both services");
    assert!((1..20_000).contains(&event.version), "what was left of the deadline: {}", event.version);
}

#[tokio::test]
async fn a_peer_over_the_network_is_called_the_same_way() {
    let suite = Suite::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(
        listener,
        suite.stack.clone(),
        ServeConfig { door: suite.door.clone(), cors_origins: Vec::new(), http: None },
        stop.clone(),
    ));

    let signer = ServiceSigner::new(suite.services.clone(), "sell");
    let peers = Peers::new(signer).remote("enable", &address).unwrap();
    let cx = user(&Clock::system());
    let mut client = EventServiceClient::new(peers.channel("enable", &cx));
    let event = client.list_events(echo()).await.unwrap().into_inner().events.remove(0);
    assert_eq!((event.actor.as_str(), event.on_behalf_of.as_str()), ("services/sell", "persons/ann"));
    assert_eq!(event.request_id, "order-7");

    // It may call internal methods, also streams, when it acts on its own.
    let cx = Cx::service("", "sell", &Clock::system(), "");
    let mut client = EventServiceClient::new(peers.channel("enable", &cx));
    let request = ReadEventsRequest { service: "enable".to_owned(), position: 4 };
    let mut stream = client.read_events(request).await.unwrap().into_inner();
    for position in 5..=7 {
        assert_eq!(stream.message().await.unwrap().unwrap().position, position);
    }
    assert_eq!(reason(&stream.message().await.unwrap_err()), "NOT_FOUND");

    stop.cancel();
    server.await.unwrap().unwrap();
    let status = client.list_events(echo()).await.unwrap_err();
    assert_eq!(error(&status).kind(), Kind::Unavailable, "{status:?}");
}

#[tokio::test]
async fn calls_that_cannot_be_made_are_answered() {
    let suite = Suite::new();
    let signer = || ServiceSigner::new(suite.services.clone(), "sell");
    let list = async |peers: Peers, cx: &Cx| EventServiceClient::new(peers.channel("enable", cx)).list_events(echo()).await.unwrap_err();
    let cx = user(&Clock::system());
    assert_eq!(reason(&list(Peers::new(signer()), &cx).await), "UNAVAILABLE");
    assert_eq!(reason(&list(Peers::new(signer()).local("enable", &LocalStack::default()), &cx).await), "UNAVAILABLE");
    assert_eq!(reason(&list(Peers::new(signer()).remote("enable", "http://127.0.0.1:1").unwrap(), &cx).await), "UNAVAILABLE");
    assert!(Peers::new(signer()).remote("enable", "enable:8080").is_err());

    let late = Cx { deadline: Some(Instant::now()), ..cx };
    assert_eq!(reason(&list(Peers::new(signer()).local("enable", &suite.place), &late).await), "DEADLINE_EXCEEDED");
}
