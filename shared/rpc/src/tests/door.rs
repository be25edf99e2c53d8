//! The door, over real connections.

use stoa_auth::Link;
use tonic::{Code, Extensions, metadata::MetadataMap};

use super::{network::Served, *};

fn rate(metadata: &MetadataMap) -> (String, String) {
    let text = |name: &str| metadata.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (text("ratelimit-policy"), text("ratelimit"))
}

#[tokio::test]
async fn answers_say_what_is_left_of_the_rate() {
    let limits = Limits { rate_per_caller_per_second: 1, rate_burst: 2, ..Limits::default() };
    let served = Served::start(limits).await;
    let mut client = EventServiceClient::new(served.channel().await);
    let answer = client.list_events(served.suite.request("echo")).await.unwrap();
    let policy = "\"caller\";q=2;w=2, \"tenant\";q=2000;w=2";
    assert_eq!(rate(answer.metadata()), (policy.to_owned(), "\"caller\";r=1;t=1".to_owned()));
    // A failure counts as well, and another spelling of the scheme is the same caller.
    let mut lower = served.suite.request("fails");
    let token = served.suite.token().replace("Bearer", "bearer");
    lower.metadata_mut().insert("authorization", token.parse().unwrap());
    let failed = client.list_events(lower).await.unwrap_err();
    assert_eq!((reason(&failed), rate(failed.metadata()).1.as_str()), ("INTERNAL", "\"caller\";r=0;t=2"));
    let refused = client.list_events(served.suite.request("echo")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert_eq!(rate(refused.metadata()), (policy.to_owned(), "\"caller\";r=0;t=2".to_owned()));
    assert!(error(&refused).retry_after().is_some_and(|ms| ms <= 1000));
    // What a service of the same process asks is not counted, because the request
    // that it is a part of was.
    assert!(served.suite.list("echo").await.is_ok());
}

#[tokio::test]
async fn a_gateway_has_counted_what_it_passes_on() {
    let (front, back) = pass_through::split_with(Limits { rate_per_caller_per_second: 1, rate_burst: 1, ..Limits::default() }).await;
    let mut behind = EventServiceClient::new(back.channel().await);
    assert!(behind.list_events(back.suite.request("sell")).await.is_ok());
    let mut client = EventServiceClient::new(front.channel().await);
    for _ in 0..5 {
        assert!(client.list_events(back.suite.request("sell")).await.is_ok(), "the front's rate holds, which is higher");
    }
    let mut forged = back.suite.request("sell");
    forged.metadata_mut().insert("stoa-passed-on", "anything".parse().unwrap());
    assert_eq!(reason(&behind.list_events(forged).await.unwrap_err()), "RATE_LIMITED");
}

/// A link for the log of a service, in place of a form's.
fn link(suite: &Suite, object: &str) -> MetadataMap {
    let link = Link {
        tenant: "acme".to_owned(),
        object: object.to_owned(),
        permission: "events.read".to_owned(),
        person: String::new(),
        expires: stoa_kernel::clock::wall_now().plus_hours(1),
    };
    let mut metadata = MetadataMap::new();
    metadata.insert("stoa-link", suite.services.link_key().unwrap().sign(&link).unwrap().parse().unwrap());
    metadata
}

#[tokio::test]
async fn whoever_has_a_link_has_small_limits_of_its_own() {
    let limits = Limits { link_bytes_max: 1000, rate_per_link_per_second: 1, rate_link_burst: 3, ..Limits::default() };
    let served = Served::with_suite(Suite::with_link(limits)).await;
    let mut client = EventServiceClient::new(served.channel().await);
    let ask = |object: &str, filter: &str| {
        let request = ListEventsRequest { service: "echo".to_owned(), filter: filter.to_owned(), ..ListEventsRequest::default() };
        Request::from_parts(link(&served.suite, object), Extensions::default(), request)
    };
    let answer = client.list_events(ask("forms/a", "")).await.unwrap();
    assert_eq!(rate(answer.metadata()).1, "\"link\";r=2;t=1");
    assert_eq!(answer.get_ref().events[0].tenant, "acme");
    let large = client.list_events(ask("forms/a", &"x".repeat(1100))).await.unwrap_err();
    assert_eq!(reason(&large), "TOO_LARGE");
    assert!(client.list_events(ask("forms/a", "")).await.is_ok());
    let limited = client.list_events(ask("forms/a", "")).await.unwrap_err();
    assert_eq!((reason(&limited), error(&limited).metadata()[0].1.as_str()), ("RATE_LIMITED", "link"));
    assert!(client.list_events(ask("forms/b", "")).await.is_ok(), "another object");
    let without = client.list_events(Request::new(ListEventsRequest::default())).await.unwrap_err();
    assert_eq!((without.code(), reason(&without)), (Code::Unauthenticated, "LINK_INVALID"));
}

#[tokio::test]
async fn an_address_that_sends_only_junk_is_shut_out_and_those_who_are_known_are_not() {
    let served = Served::start(Limits { refusals_per_address_per_second: 3, ..Limits::default() }).await;
    let mut known = EventServiceClient::new(served.channel().await);
    // One token, which was verified before the attack.
    let token = served.suite.token();
    let with = |token: &str| {
        let mut request = served.suite.request("echo");
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        request
    };
    assert!(known.list_events(with(&token)).await.is_ok());
    let mut junk = EventServiceClient::new(served.channel().await);
    let mut reasons = Vec::new();
    for n in 0..10 {
        match junk.list_events(with(&format!("Bearer junk-{n}"))).await {
            Err(status) if status.code() == Code::Unauthenticated => reasons.push("refused"),
            _ => reasons.push("shut out"),
        }
    }
    assert_eq!((reasons[0], reasons[9]), ("refused", "shut out"), "{reasons:?}");
    assert!(known.list_events(with(&token)).await.is_ok(), "a known token passes");
}

/// Answers that nobody reads stay in memory, so whoever collects them gets no more.
#[tokio::test]
async fn a_caller_who_does_not_read_gets_no_more_answers() {
    let suite = Suite::with(Limits { buffered_bytes_max: 4 * 1000, ..Limits::default() });
    let ask = || {
        let request = http::Request::post("/stoa.events.v1.EventService/ListEvents")
            .header("content-type", "application/grpc")
            .header("authorization", suite.token())
            .body(tonic::body::Body::new(http_body_util::Full::from(network::web_body("echo"))))
            .unwrap();
        tower::ServiceExt::oneshot(suite.stack.clone(), request)
    };
    let mut unread = Vec::new();
    let refused = loop {
        let answer = ask().await.unwrap();
        match Status::from_header_map(answer.headers()) {
            None => unread.push(answer),
            Some(status) => break status,
        }
        assert!(unread.len() < 1000, "nothing was refused");
    };
    assert_eq!(reason(&refused), "OVERLOADED");
    assert!(unread.len() >= 2, "some may be on their way");
    drop(unread);
    assert!(suite.list("echo").await.is_ok());
}
