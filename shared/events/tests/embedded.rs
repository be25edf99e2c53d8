//! Events inside one process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

#[path = "embedded/api.rs"]
mod api;
mod suite;

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, join_all};
use sea_orm::ConnectionTrait;
use stoa_events::{OnFailure, ShufflingSource, Source, Subscriber, Subscription};
use stoa_kernel::{
    Error,
    page::{Page, PageKey},
    positions::Positions,
};
use stoa_store::{Store, StoreConfig};
use stoa_telemetry::TelemetryConfig;
use suite::*;
use tokio::sync::Notify;
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
