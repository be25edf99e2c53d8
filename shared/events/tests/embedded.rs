//! Events inside one process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod suite;

use std::sync::{Arc, Mutex};

use futures::{
    TryStreamExt,
    future::{BoxFuture, join_all},
};
use sea_orm::ConnectionTrait;
use stoa_events::{Event, EventsApi, OnFailure, RemoteLog, ShufflingSource, Source, Subscriber, Subscription};
use stoa_kernel::{
    Cx, Error, Result,
    page::{Page, PageKey},
    positions::Positions,
};
use stoa_proto::events::v1::{
    ListEventsRequest, ReadEventsRequest,
    event_service_server::{EventService, EventServiceServer},
};
use stoa_store::{Store, StoreConfig};
use stoa_telemetry::TelemetryConfig;
use suite::*;
use tokio::sync::Notify;
use tonic::{Request, Status};
use tower::ServiceExt;
use tracing::Instrument;

/// A rig on SQLite files.
async fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let open = move |name: String| -> BoxFuture<'static, Store> {
        let path = dir.path().join(format!("{name}.db"));
        Box::pin(async move { Store::open(&StoreConfig::sqlite(&path)).await.unwrap() })
    };
    Rig::new(Embedded, Box::new(open)).await
}

#[tokio::test]
async fn a_copy_equals_the_original() {
    suite::a_copy_equals_the_original(rig().await).await;
}

#[tokio::test]
async fn a_failing_event_is_parked_and_its_neighbors_continue() {
    suite::a_failing_event_is_parked_and_its_neighbors_continue(rig().await).await;
}

#[tokio::test]
async fn later_events_of_an_aggregate_are_parked_behind_it() {
    suite::later_events_of_an_aggregate_are_parked_behind_it(rig().await).await;
}

#[tokio::test]
async fn an_event_that_fails_for_a_while_takes_effect_once() {
    suite::an_event_that_fails_for_a_while_takes_effect_once(rig().await).await;
}

#[tokio::test]
async fn an_event_that_always_fails_is_parked_in_the_end() {
    suite::an_event_that_always_fails_is_parked_in_the_end(rig().await).await;
}

#[tokio::test]
async fn a_panic_in_a_handler_parks_the_event() {
    suite::a_panic_in_a_handler_parks_the_event(rig().await).await;
}

#[tokio::test]
async fn a_restart_resumes() {
    suite::a_restart_resumes(rig().await).await;
}

#[tokio::test]
async fn a_new_subscriber_starts_at_the_beginning() {
    suite::a_new_subscriber_starts_at_the_beginning(rig().await).await;
}

#[tokio::test]
async fn other_subjects_are_skipped() {
    suite::other_subjects_are_skipped(rig().await).await;
}

#[tokio::test]
async fn a_slow_subscriber_delays_only_itself() {
    suite::a_slow_subscriber_delays_only_itself(rig().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_gap_free_with_two_relays() {
    suite::positions_are_gap_free(rig().await).await;
}

#[tokio::test]
async fn a_write_that_rolls_back_leaves_no_event() {
    let rig = rig().await;
    rig.write("programs/a").await;
    let failing = rig.owner.write(rig.cx(), |tx, cx| {
        Box::pin(async move {
            next_version(tx, cx, "programs/a").await?;
            Err::<(), _>(broken())
        })
    });
    assert_eq!(failing.await.unwrap_err().reason(), "STATE_INVALID");
    rig.write("programs/a").await;
    rig.relay().await;
    let events = rig.log().read(0, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| (e.position, e.version)).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    let event = &events[1];
    assert_eq!((event.subject.as_str(), event.r#type.as_str()), ("onboard.program.updated", "stoa.onboard.v1.ProgramUpdated"));
    assert_eq!((event.actor.as_str(), event.tenant.as_str()), ("services/test", TENANT));
    assert_eq!(
        (event.changed_fields.as_slice(), event.recorded_time),
        (["display_name".to_owned()].as_slice(), Some(rig.clock.now().proto()))
    );
}

#[tokio::test]
async fn two_events_of_one_version_are_a_conflict() {
    let rig = rig().await;
    rig.write("programs/a").await;
    let again = rig.owner.write(rig.cx(), |tx, cx| {
        Box::pin(async move {
            let sql = "DELETE FROM program";
            tx.conn().execute_unprepared(sql).await.map_err(Error::internal)?;
            next_version(tx, cx, "programs/a").await
        })
    });
    assert_eq!(again.await.unwrap_err().reason(), "ETAG_MISMATCH");
}

#[tokio::test]
async fn a_fold_over_a_bad_bus_equals_the_plain_fold() {
    for seed in [1, 2, 3, 0xdead_beef, u64::MAX] {
        println!("seed {seed}");
        let rig = rig().await;
        let plan = Plan::default();
        plan.fail("programs/p1", 2, 2, away());
        rig.write_concurrently(3, 7, 9).await;
        rig.relay().await;
        let source = || Arc::new(ShufflingSource::new(Arc::new(rig.log()), seed));
        let worker =
            || Subscriber::new(rig.consumer.clone(), source(), copy("copy", OnFailure::Park, &plan), rig.clock.clone()).backoff_ms(1);
        for _ in 0..3 {
            // A new subscriber after each batch: nothing may depend on memory.
            worker().run_once().await.unwrap();
        }
        rig.write_concurrently(2, 11, 2).await;
        rig.settle(&[&worker()]).await;
        assert_eq!(state(&rig.consumer).await, state(&rig.owner).await, "seed {seed}");
        let done = effects(&rig.consumer).await;
        assert!(done.len() > 3 * 7 * 9 + 2 * 11 * 2, "seed {seed} repeats nothing");
        assert!(!done.is_sorted_by_key(|(_, version)| *version), "seed {seed} shuffles nothing");
    }
}

#[tokio::test]
async fn a_bad_bus_loses_nothing_wherever_a_reader_starts() {
    let rig = rig().await;
    rig.write_concurrently(1, 100, 3).await;
    rig.relay().await;
    for seed in 0..20 {
        let source = ShufflingSource::new(Arc::new(rig.log()), seed);
        for start in [0, 1, 17, 150, 299] {
            let (mut at, mut missing) = (start, (start + 1..=300).collect::<std::collections::BTreeSet<i64>>());
            let mut late = 0;
            while at < 300 {
                let batch = source.read(at, 40).await.unwrap();
                assert!(batch.through > at && batch.through <= at + 40, "seed {seed} at {at}");
                for event in batch.events {
                    late += usize::from(missing.remove(&event.position) && event.position <= at);
                }
                at = batch.through;
            }
            assert!(missing.is_empty(), "seed {seed} from {start} lost {missing:?}");
            assert!(start > 17 || late > 0, "seed {seed} delays nothing");
        }
    }
}

#[tokio::test]
async fn an_effect_that_does_not_happen_leaves_the_cursor() {
    let rig = rig().await;
    let plan = Plan::default();
    let subscriber = || Subscriber::new(rig.consumer.clone(), Arc::new(rig.log()), copy("copy", OnFailure::Park, &plan), rig.clock.clone());
    // The handler refuses the third event and reports it.
    let refused = Arc::new(Notify::new());
    let refusing = {
        let (inner, refused) = (copy("copy", OnFailure::Park, &plan).handler, refused.clone());
        handling(move |tx, event| {
            let (inner, refused) = (inner.clone(), refused.clone());
            Box::pin(async move {
                if event.version == 2 && event.aggregate == "programs/a" {
                    refused.notify_one();
                    return Err(away());
                }
                inner(tx, event).await
            })
        })
    };
    let refusing = Subscription { handler: refusing, ..copy("copy", OnFailure::Park, &plan) };
    for program in ["programs/a", "programs/b", "programs/a", "programs/b"] {
        rig.write(program).await;
    }
    rig.relay().await;
    // The process ends while the subscriber waits to try again: after one
    // refusal with its neighbors and one alone.
    let waiting = Subscriber::new(rig.consumer.clone(), Arc::new(rig.log()), refusing, rig.clock.clone()).backoff_ms(600_000);
    let refused_twice = async {
        refused.notified().await;
        refused.notified().await;
    };
    tokio::select! {
        _ = waiting.run_once() => panic!("it waits for ten minutes"),
        () = refused_twice => {}
    }
    assert_eq!(effects(&rig.consumer).await, [("programs/a".to_owned(), 1), ("programs/b".to_owned(), 1)]);
    assert_eq!(subscriber().lag().await.unwrap(), 2, "the cursor is before the event that has no effect yet");
    rig.settle(&[&subscriber()]).await;
    assert_eq!(effects(&rig.consumer).await.len(), 4);
}

#[tokio::test]
async fn with_two_subscribers_on_one_cursor_each_event_has_one_effect() {
    let rig = rig().await;
    rig.write_concurrently(1, 100, 6).await;
    rig.relay().await;
    let workers = join_all([0, 1].map(|_| rig.worker(copy("copy", OnFailure::Park, &Plan::default())))).await;
    loop {
        // The loser of a race gets an error and reads the cursor again.
        let done = join_all(workers.iter().map(|worker| worker.run_once())).await;
        if done.iter().all(|result| matches!(result, Ok(0))) {
            break;
        }
    }
    assert_eq!(effects(&rig.consumer).await.len(), 600);
}

/// Parent span of a write, as a caller sends it.
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_handler_continues_the_trace_of_the_write() {
    let quiet = TelemetryConfig { log_filter: "off".to_owned(), ..TelemetryConfig::default() };
    let _telemetry = stoa_telemetry::init(&quiet).unwrap();
    let rig = rig().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = seen.clone();
        handling(move |_, event| {
            seen.lock().unwrap().push((event.traceparent.clone(), stoa_telemetry::trace_id(), stoa_telemetry::traceparent()));
            Box::pin(async { Ok(()) })
        })
    };
    let subscription = Subscription { handler, ..copy("copy", OnFailure::Park, &Plan::default()) };
    let worker = rig.worker(subscription).await;
    let request = tracing::info_span!("request");
    stoa_telemetry::continue_trace(&request, CALLER);
    rig.write("programs/a").instrument(request).await;
    // Neither the relay nor the subscriber knows of the request.
    rig.settle(&[&*worker]).await;
    let seen = seen.lock().unwrap();
    let (written, trace, handled) = &seen[0];
    assert_eq!(seen.len(), 1);
    assert_eq!((written[3..35].to_owned(), trace.as_str()), (CALLER[3..35].to_owned(), &CALLER[3..35]), "one trace");
    assert_ne!(written[36..52], CALLER[36..52], "the write has a span of its own");
    assert_ne!(handled[36..52], written[36..52], "and the handler has one below it");
}

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

#[tokio::test]
async fn readers_of_a_relay_wake_when_it_assigns_positions() {
    let rig = rig().await;
    let mut wake = Source::wake(&rig.log());
    rig.write("programs/a").await;
    assert!(!wake.has_changed().unwrap());
    rig.relay().await;
    assert!(wake.has_changed().unwrap());
    wake.mark_unchanged();
    let page = Page::read(&PageKey::new(b"key"), &rig.cx(), &[], 0, "").unwrap();
    let positions = Positions::new(&PageKey::new(b"key"), TENANT, "onboard");
    assert_eq!(rig.log().list(&rig.cx(), &positions, &page, "").await.unwrap().0.len(), 1);
}
