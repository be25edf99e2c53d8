//! Events over a real nats-server, which `TEST_NATS_URL` names, between stores
//! on PostgreSQL: the basis of a distributed installation.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{AckKind, consumer::PullConsumer};
use futures::{
    StreamExt,
    future::{BoxFuture, join},
};
use sea_orm::ConnectionTrait;
use stoa_events::{
    DELIVERIES_MAX, OnFailure, Subscription,
    jetstream::{self, Bus, Consumer, Publisher},
    parked,
};
use stoa_kernel::{
    Result, ids,
    page::{Page, PageKey},
};
use stoa_store::{DbResult, Store};
use tokio::sync::OnceCell;

use crate::{postgres, suite, suite::*};

const MAX_AGE: Duration = Duration::from_secs(600);
const RETENTION: Duration = Duration::from_secs(900);

/// A separate stream for each test.
struct JetStream {
    bus: Bus,
    stream: String,
    publisher: OnceCell<Publisher>,
}

fn url() -> String {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    std::env::var("TEST_NATS_URL").expect("the feature `backends` needs TEST_NATS_URL, a nats-server with JetStream")
}

impl JetStream {
    async fn new() -> Self {
        let stream = unique("STOA_TEST_");
        let config =
            jetstream::Config { stream: stream.clone(), prefix: unique("test-"), max_age: MAX_AGE, ..jetstream::Config::new(&url()) };
        let bus = jetstream::connect(config).await.unwrap();
        jetstream::ensure_stream(&bus).await.unwrap();
        jetstream::ensure_stream(&bus).await.unwrap();
        bus.ping().await.unwrap();
        Self { bus, stream, publisher: OnceCell::new() }
    }
}

/// A name that no other test run uses.
fn unique(prefix: &str) -> String {
    format!("{prefix}{}", ids::new_id())
}

async fn consumer(bus: &Bus, rig: &Rig, store: &Store, service: &str, subscription: Subscription) -> Consumer {
    let consumer = Consumer::new(bus.clone(), store.clone(), service, "onboard", vec![subscription], rig.clock.clone(), RETENTION);
    consumer.await.unwrap().backoff_ms(5)
}

impl Transport for JetStream {
    fn pump<'a>(&'a self, rig: &'a Rig) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let make = async || Publisher::new(self.bus.clone(), rig.owner.clone(), rig.log());
            let publisher = self.publisher.get_or_init(make).await;
            while publisher.lag().await? > 0 {
                publisher.run_once().await?;
            }
            Ok(())
        })
    }

    fn worker<'a>(&'a self, rig: &'a Rig, store: &'a Store, subscription: Subscription) -> BoxFuture<'a, Box<dyn Worker>> {
        Box::pin(async move {
            let service = subscription.name;
            Box::new(consumer(&self.bus, rig, store, service, subscription).await) as Box<dyn Worker>
        })
    }
}

/// Runs a case and removes what it needed.
async fn run(case: impl AsyncFnOnce(Rig)) {
    with_bus(async |_, rig| case(rig).await).await;
}

async fn with_bus(case: impl AsyncFnOnce(Bus, Rig)) {
    with_stream(async |bus, _, rig| case(bus, rig).await).await;
}

async fn with_stream(case: impl AsyncFnOnce(Bus, String, Rig)) {
    let transport = JetStream::new().await;
    let (bus, stream) = (transport.bus.clone(), transport.stream.clone());
    postgres::with_rig(transport, async |rig| case(bus, stream.clone(), rig).await).await;
    let client = async_nats::connect(url()).await.unwrap();
    async_nats::jetstream::new(client).delete_stream(stream).await.unwrap();
}

#[tokio::test]
async fn a_copy_equals_the_original() {
    run(suite::a_copy_equals_the_original).await;
}

#[tokio::test]
async fn a_failing_event_is_parked_and_its_neighbors_continue() {
    run(suite::a_failing_event_is_parked_and_its_neighbors_continue).await;
}

#[tokio::test]
async fn later_events_of_an_aggregate_are_parked_behind_it() {
    run(suite::later_events_of_an_aggregate_are_parked_behind_it).await;
}

#[tokio::test]
async fn an_event_that_fails_for_a_while_takes_effect_once() {
    run(suite::an_event_that_fails_for_a_while_takes_effect_once).await;
}

#[tokio::test]
async fn an_event_that_always_fails_is_parked_in_the_end() {
    run(suite::an_event_that_always_fails_is_parked_in_the_end).await;
}

#[tokio::test]
async fn a_panic_in_a_handler_parks_the_event() {
    run(suite::a_panic_in_a_handler_parks_the_event).await;
}

#[tokio::test]
async fn a_restart_resumes() {
    run(suite::a_restart_resumes).await;
}

#[tokio::test]
async fn a_new_subscriber_starts_at_the_beginning() {
    run(suite::a_new_subscriber_starts_at_the_beginning).await;
}

#[tokio::test]
async fn other_subjects_are_skipped() {
    run(suite::other_subjects_are_skipped).await;
}

#[tokio::test]
async fn a_slow_subscriber_delays_only_itself() {
    run(suite::a_slow_subscriber_delays_only_itself).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_gap_free_with_two_relays() {
    run(suite::positions_are_gap_free).await;
}

#[tokio::test]
async fn an_event_that_is_delivered_again_has_no_effect() {
    with_bus(async |bus, rig| {
        let make = async |service| consumer(&bus, &rig, &rig.consumer, service, copy("copy", OnFailure::Park, &Plan::default())).await;
        rig.write_concurrently(1, 20, 2).await;
        rig.settle(&[&make("one").await]).await;
        // A durable consumer with another name gets the whole stream again.
        let again = make("two").await;
        assert_eq!(again.lag().await.unwrap(), 40);
        rig.settle(&[&again]).await;
        assert_eq!(effects(&rig.consumer).await.len(), 40);
        assert_eq!(again.prune(100).await.unwrap(), 0, "the inbox keeps what the stream may deliver");
    })
    .await;
}

#[tokio::test]
async fn replicas_share_the_work() {
    with_bus(async |bus, rig| {
        let make = async || consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        let (one, two) = (make().await, make().await);
        rig.write_concurrently(1, 300, 2).await;
        rig.relay().await;
        while one.lag().await.unwrap() > 0 {
            let done = join(one.run_once(), two.run_once()).await;
            assert!(done.0.is_ok() && done.1.is_ok());
        }
        assert_eq!(effects(&rig.consumer).await.len(), 600);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_published_again_is_dropped() {
    with_bus(async |bus, rig| {
        rig.write_concurrently(1, 10, 1).await;
        rig.relay().await;
        let back = "UPDATE event_cursor SET position = 0 WHERE name = 'jetstream'";
        rig.owner.write(back, |tx, sql| Box::pin(async move { tx.conn().execute_unprepared(sql).await.db().map(|_| ()) })).await.unwrap();
        rig.relay().await;
        let consumer = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        assert_eq!(consumer.lag().await.unwrap(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_consumer_can_wait_for_an_event() {
    with_bus(async |bus, rig| {
        let consumer = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        assert_eq!(consumer.wait_and_run(Duration::from_millis(50)).await.unwrap(), 0);
        rig.write_concurrently(1, 10, 1).await;
        let later = async {
            pause().await;
            rig.relay().await;
        };
        let (first, ()) = join(consumer.wait_and_run(Duration::from_secs(20)), later).await;
        assert!((1..=10).contains(&first.unwrap()));
        rig.settle(&[&consumer]).await;
        assert_eq!(effects(&rig.consumer).await.len(), 10);
    })
    .await;
}

/// The stream itself, as an operator sees it.
async fn stream_of(rig_stream: &str) -> async_nats::jetstream::stream::Stream {
    async_nats::jetstream::new(async_nats::connect(url()).await.unwrap()).get_stream(rig_stream).await.unwrap()
}

#[tokio::test]
async fn events_that_the_stream_deleted_are_read_from_the_log() {
    with_stream(async |bus, stream, rig| {
        rig.write_concurrently(1, 20, 2).await;
        rig.relay().await;
        stream_of(&stream).await.purge().keep(10).await.unwrap();
        let make = async || {
            let made = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
            made.with_archive(Arc::new(rig.log()))
        };
        let first = make().await;
        rig.settle(&[&first]).await;
        assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
        assert_eq!((effects(&rig.consumer).await.len(), first.applied().await.unwrap()), (40, 40));

        // It resumes with a stream that has lost everything.
        rig.write_concurrently(1, 300, 1).await;
        rig.relay().await;
        stream_of(&stream).await.purge().await.unwrap();
        let second = make().await;
        rig.settle(&[&second]).await;
        assert_eq!((effects(&rig.consumer).await.len(), second.applied().await.unwrap()), (340, 340));
        assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_does_not_arrive_is_read_from_the_log_after_a_while() {
    with_stream(async |bus, stream, rig| {
        rig.write_concurrently(1, 20, 1).await;
        rig.relay().await;
        let in_stream = stream_of(&stream).await;
        let first = in_stream.cached_info().state.first_sequence;
        in_stream.delete_message(first + 4).await.unwrap();
        let made = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        let consumer = made.with_archive(Arc::new(rig.log()));
        rig.settle(&[&consumer]).await;
        assert_eq!((effects(&rig.consumer).await.len(), consumer.applied().await.unwrap()), (19, 4));
        assert_eq!(consumer.close_gaps().await.unwrap(), 0, "it may still arrive");
        assert_eq!(consumer.close_gaps().await.unwrap(), 1);
        assert_eq!((effects(&rig.consumer).await.len(), consumer.applied().await.unwrap()), (20, 20));
        assert_eq!(consumer.close_gaps().await.unwrap(), 0, "nothing is left");
    })
    .await;
}

#[tokio::test]
async fn events_that_the_log_no_longer_keeps_are_skipped() {
    with_stream(async |bus, stream, rig| {
        rig.write_concurrently(1, 20, 1).await;
        rig.relay().await;
        stream_of(&stream).await.purge().await.unwrap();
        assert_eq!(rig.log().prune(rig.clock.now().plus_hours(1), 5, 100).await.unwrap(), 5);
        let made = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        let consumer = made.with_archive(Arc::new(rig.log()));
        rig.settle(&[&consumer]).await;
        assert_eq!((effects(&rig.consumer).await.len(), consumer.applied().await.unwrap()), (15, 20));
    })
    .await;
}

/// A message has a limit of the server and one of the stream. A consumer reads
/// the event from the log.
#[tokio::test]
async fn an_event_that_is_too_large_for_the_stream_holds_nothing_up() {
    with_stream(async |bus, stream, rig| {
        let in_stream = stream_of(&stream).await;
        let mut config = in_stream.cached_info().config.clone();
        config.max_message_size = 100_000;
        let client = async_nats::connect(url()).await.unwrap();
        async_nats::jetstream::new(client.clone()).update_stream(config).await.unwrap();
        for program in ["programs/a", "programs/stream", "programs/b", "programs/server", "programs/c"] {
            rig.write(program).await;
        }
        enlarge(&rig.owner, "programs/stream", 100_001).await;
        enlarge(&rig.owner, "programs/server", client.max_payload() + 1).await;
        rig.relay().await;
        let publisher = Publisher::new(bus.clone(), rig.owner.clone(), rig.log());
        assert_eq!((publisher.published().await.unwrap(), publisher.parked_count().await.unwrap()), (5, 2));

        let parked = async || {
            let page = Page::read(&PageKey::new(b"key"), &rig.cx(), &["parked"], 0, "").unwrap();
            parked::list(&rig.owner, "onboard", &rig.cx(), &page).await.unwrap().0
        };
        for noted in parked().await {
            let event = noted.event.unwrap();
            let bytes = if event.position == 2 { "100001".to_owned() } else { (client.max_payload() + 1).to_string() };
            assert!(noted.error.contains(&bytes), "{}", noted.error);
            assert!(event.data.is_empty(), "the log has it");
        }

        let made = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        let consumer = made.with_archive(Arc::new(rig.log()));
        rig.settle(&[&consumer]).await;
        assert_eq!((effects(&rig.consumer).await.len(), consumer.applied().await.unwrap()), (3, 1));
        assert_eq!(consumer.close_gaps().await.unwrap(), 0, "they may still arrive");
        assert_eq!(consumer.close_gaps().await.unwrap(), 2);
        assert_eq!((effects(&rig.consumer).await.len(), consumer.applied().await.unwrap()), (5, 5));

        let replayed = parked::replay(&rig.owner, &[], TENANT, &[]).await.unwrap();
        assert_eq!((replayed.replayed, replayed.failed, parked().await.len()), (2, 0, 0));
    })
    .await;
}

/// Together they are larger than one run may hold.
#[tokio::test]
async fn large_events_are_applied_in_several_runs() {
    with_bus(async |bus, rig| {
        for n in 0..40 {
            rig.write(&format!("programs/p{n}")).await;
            enlarge(&rig.owner, &format!("programs/p{n}"), 500_000).await;
        }
        let consumer = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &Plan::default())).await;
        rig.relay().await;
        let first = consumer.run_once().await.unwrap();
        assert!((1..20).contains(&first), "{first}");
        rig.settle(&[&consumer]).await;
        assert_eq!(effects(&rig.consumer).await.len(), 40, "each event took effect once");
    })
    .await;
}

/// The server counts every delivery. An event that our own store could not take
/// for a while has not been tried.
#[tokio::test]
async fn only_refusals_by_the_handler_count() {
    with_stream(async |bus, stream, rig| {
        let plan = Plan::default();
        plan.fail("programs/a", 1, 1, away());
        plan.fail("programs/b", 1, u32::MAX, away());
        let consumer = consumer(&bus, &rig, &rig.consumer, "sell", copy("copy", OnFailure::Park, &plan)).await;
        rig.write("programs/a").await;
        rig.write("programs/b").await;
        rig.relay().await;
        let pull: PullConsumer = stream_of(&stream).await.get_consumer("sell-onboard").await.unwrap();
        for _ in 0..2 * DELIVERIES_MAX {
            let mut given = pull.fetch().max_messages(2).messages().await.unwrap();
            while let Some(message) = given.next().await {
                message.unwrap().ack_with(AckKind::Nak(None)).await.unwrap();
            }
        }
        rig.settle(&[&consumer]).await;
        assert_eq!(effects(&rig.consumer).await, [("programs/a".to_owned(), 1)]);
        assert_eq!(consumer.parked_count().await.unwrap(), 1, "only the event that its handler always refuses");
    })
    .await;
}

#[tokio::test]
async fn an_inbox_that_forgets_too_early_is_refused() {
    with_bus(async |bus, rig| {
        let made = Consumer::new(bus, rig.consumer.clone(), "sell", "onboard", Vec::new(), rig.clock.clone(), MAX_AGE).await;
        assert_eq!(made.err().map(|e| e.reason().as_str()), Some("INBOX_RETENTION_TOO_SHORT"));
    })
    .await;
}
