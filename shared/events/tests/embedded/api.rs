//! What callers and other processes read of a log.

use std::sync::Arc;

use futures::TryStreamExt;
use stoa_events::{Event, EventsApi, OnFailure, RemoteLog, Source, Subscriber};
use stoa_kernel::{Cx, Error, Result, page::PageKey, positions::Positions};
use stoa_proto::events::v1::{
    ListEventsRequest, ReadEventsRequest,
    event_service_server::{EventService, EventServiceServer},
};
use tonic::{Request, Status};
use tower::ServiceExt;

use crate::{rig, suite::*};

fn status(error: Error) -> Status {
    Status::new(tonic::Code::Unknown, error.reason().as_str())
}

fn request<T>(cx: Cx, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(cx);
    request
}

fn api(rig: &Rig) -> EventsApi {
    EventsApi::new([("onboard", (rig.owner.clone(), Vec::new()))].into(), PageKey::new(b"key"), status)
}

#[tokio::test]
async fn the_audit_trail_is_listed_by_page_and_filter() {
    let rig = rig().await;
    rig.write_concurrently(1, 5, 3).await;
    let other = Cx { tenant: "other".to_owned(), ..rig.cx() };
    write(&rig.owner, other.clone(), "programs/p1").await.unwrap();
    rig.relay().await;
    let api = api(&rig);
    let list = async |cx: Cx, filter: &str, token: &str| -> Result<(Vec<Event>, String), Status> {
        let message = ListEventsRequest { service: "onboard".into(), page_size: 10, page_token: token.into(), filter: filter.into() };
        let response = api.list_events(request(cx, message)).await?.into_inner();
        Ok((response.events, response.next_page_token))
    };
    let (mut events, token) = list(rig.cx(), "", "").await.unwrap();
    let (rest, end) = list(rig.cx(), "", &token).await.unwrap();
    events.extend(rest);
    // Tenants cannot see how much others write.
    let positions = Positions::new(&PageKey::new(b"key"), TENANT, "onboard");
    let opened: Option<Vec<i64>> = events.iter().map(|e| positions.open(e.position)).collect();
    assert_eq!((opened.unwrap(), end.as_str()), ((1..=15).collect(), ""));
    assert!(events.iter().zip(1..).all(|(event, position)| event.position != position));
    let (of_one, _) = list(rig.cx(), "aggregate = \"programs/p1\" AND subject = \"onboard.program.updated\"", "").await.unwrap();
    assert_eq!(of_one.iter().map(|e| e.version).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(list(other, "", "").await.unwrap().0.len(), 1);
    assert_eq!(list(rig.cx(), "data = 1", "").await.unwrap_err().message(), "FILTER_INVALID");
    assert_eq!(list(rig.cx(), "", "x").await.unwrap_err().message(), "PAGE_TOKEN_INVALID");
    let mut partner = rig.cx();
    partner.caller.reach = stoa_kernel::Reach::Partner("p".to_owned());
    assert!(list(partner, "", "").await.unwrap().0.is_empty(), "a partner sees only its own facts");
    assert_eq!(api.list_events(Request::new(ListEventsRequest::default())).await.unwrap_err().message(), "INTERNAL");
    let unknown = ListEventsRequest { service: "sell".into(), ..Default::default() };
    assert_eq!(api.list_events(request(rig.cx(), unknown)).await.unwrap_err().message(), "NOT_FOUND");
}

#[tokio::test]
async fn a_service_token_opens_only_the_log_of_its_service() {
    let rig = rig().await;
    let api = api(&rig);
    let list = async |target: &str| {
        let mut cx = rig.cx();
        cx.caller.target = target.to_owned();
        let message = ListEventsRequest { service: "onboard".into(), ..Default::default() };
        let stream = ReadEventsRequest { service: "onboard".into(), position: 0 };
        let read = api.read_events(request(cx.clone(), stream)).await.map(|_| ());
        [api.list_events(request(cx, message)).await.map(|_| ()), read].map(|answer| answer.err().map(|e| e.message().to_owned()))
    };
    assert_eq!(list("").await, [None, None]);
    assert_eq!(list("onboard").await, [None, None]);
    let refused = || Some("TOKEN_INVALID".to_owned());
    assert_eq!(list("sell").await, [refused(), refused()]);
}

#[tokio::test]
async fn the_log_streams_from_a_position_to_its_end() {
    let rig = rig().await;
    rig.write_concurrently(1, 600, 2).await;
    rig.relay().await;
    let message = ReadEventsRequest { service: "onboard".into(), position: 3 };
    let stream = api(&rig).read_events(request(rig.cx(), message)).await.unwrap().into_inner();
    let positions: Vec<i64> = stream.map_ok(|answer| answer.position).try_collect().await.unwrap();
    assert_eq!(positions, (4..=1200).collect::<Vec<_>>());
}

#[tokio::test]
async fn large_events_are_read_and_listed_a_few_at_a_time() {
    let rig = rig().await;
    for n in 0..25 {
        rig.write(&format!("programs/p{n}")).await;
        enlarge(&rig.owner, &format!("programs/p{n}"), if n == 7 { 5_000_000 } else { 400_000 }).await;
    }
    rig.relay().await;
    let (mut after, mut reads) = (0, Vec::new());
    while after < 25 {
        let events = rig.log().read(after, 500).await.unwrap();
        assert!(events.iter().all(|event| event.data.len() >= 400_000), "every event has its data");
        after = events.last().unwrap().position;
        reads.push(events.len());
    }
    assert_eq!(reads, [7, 1, 10, 7], "at most 4 MiB at once, or one event");
    let (api, mut listed) = (api(&rig), Vec::new());
    let mut message = ListEventsRequest { service: "onboard".into(), page_size: 1000, ..Default::default() };
    while listed.len() < 25 {
        let page = api.list_events(request(rig.cx(), message.clone())).await.unwrap().into_inner();
        let bytes: usize = page.events.iter().map(|event| event.data.len()).sum();
        assert!(page.events.len() == 1 || bytes <= 2 * 1024 * 1024, "{bytes}");
        listed.extend(page.events.into_iter().map(|event| event.aggregate));
        message.page_token = page.next_page_token;
    }
    assert_eq!((listed, message.page_token), ((0..25).map(|n| format!("programs/p{n}")).collect::<Vec<_>>(), String::new()));
}

#[tokio::test]
async fn the_log_of_another_process_is_a_source_like_any_other() {
    let rig = rig().await;
    rig.write_concurrently(1, 60, 2).await;
    rig.relay().await;
    let (server, cx) = (EventServiceServer::new(api(&rig)), rig.cx());
    let channel = move || {
        let cx = cx.clone();
        // Does what the access layer of the other process does.
        server.clone().map_request(move |mut request: http::Request<tonic::body::Body>| {
            request.extensions_mut().insert(cx.clone());
            request
        })
    };
    let remote = RemoteLog::new("onboard", channel);
    let batch = remote.read(3, 10).await.unwrap();
    assert_eq!((batch.through, batch.events.iter().map(|e| e.position).collect::<Vec<_>>()), (13, (4..=13).collect()));
    assert_eq!(batch.events, rig.log().read(3, 10).await.unwrap());
    assert_eq!(remote.head().await.unwrap(), 120);
    assert_eq!(remote.read(120, 10).await.unwrap().through, 120);
    let worker =
        Subscriber::new(rig.consumer.clone(), Arc::new(remote), copy("copy", OnFailure::Park, &Plan::default()), rig.clock.clone());
    rig.settle(&[&worker]).await;
    assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
}
