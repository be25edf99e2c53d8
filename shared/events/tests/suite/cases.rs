//! What holds whichever transport carries the events.

use std::{collections::HashMap, sync::Arc};

use futures::future::join3;
use stoa_events::{DELIVERIES_MAX, OnFailure, Relay, Subscription, parked};
use stoa_kernel::page::{Page, PageKey};
use stoa_proto::events::v1::ParkedEvent;
use tokio::sync::Semaphore;

use super::rig::*;

async fn parked_events(rig: &Rig) -> Vec<ParkedEvent> {
    let page = Page::read(&PageKey::new(b"key"), &rig.cx(), &["parked"], 0, "").unwrap();
    parked::list(&rig.consumer, "sell", &rig.cx(), &page).await.unwrap().0
}

async fn replay(rig: &Rig, subscription: &Subscription, event_ids: &[String]) -> (i32, i32) {
    let done = parked::replay(&rig.consumer, std::slice::from_ref(subscription), TENANT, event_ids).await.unwrap();
    (done.replayed, done.failed)
}

fn versions(effects: &[(String, i64)], program: &str) -> Vec<i64> {
    effects.iter().filter(|(name, _)| name == program).map(|(_, version)| *version).collect()
}

pub(crate) async fn a_copy_equals_the_original(rig: Rig) {
    let worker = rig.worker(copy("copy", OnFailure::Park, &Plan::default())).await;
    rig.write_concurrently(4, 7, 3).await;
    rig.settle(&[&*worker]).await;
    rig.write_concurrently(2, 9, 2).await;
    rig.settle(&[&*worker]).await;
    assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
    assert_eq!(effects(&rig.consumer).await.len(), 4 * 7 * 3 + 2 * 9 * 2, "each event took effect once");
}

pub(crate) async fn a_failing_event_is_parked_and_its_neighbors_continue(rig: Rig) {
    let plan = Plan::default();
    let subscription = copy("copy", OnFailure::Park, &plan);
    let worker = rig.worker(subscription.clone()).await;
    plan.fail("programs/a", 2, u32::MAX, broken());
    for program in ["programs/a", "programs/b", "programs/a", "programs/b", "programs/a"] {
        rig.write(program).await;
    }
    rig.settle(&[&*worker]).await;
    let done = effects(&rig.consumer).await;
    assert_eq!((versions(&done, "programs/a"), versions(&done, "programs/b")), (vec![1, 3], vec![1, 2]));

    let parked = parked_events(&rig).await;
    let event = parked[0].event.clone().unwrap();
    assert_eq!((parked.len(), event.aggregate.as_str(), event.version, parked[0].attempts), (1, "programs/a", 2, 1));
    assert_eq!(parked[0].error, broken().to_string());
    assert_eq!(parked[0].name, format!("services/sell/parkedEvents/{}", event.event_id));
    assert_eq!(worker.parked_count().await.unwrap(), 1);

    assert_eq!(replay(&rig, &subscription, &[]).await, (0, 1));
    assert_eq!(parked_events(&rig).await[0].attempts, 2);
    plan.mend();
    assert_eq!(replay(&rig, &subscription, &["another".to_owned()]).await, (0, 0));
    assert_eq!(replay(&rig, &subscription, &[event.event_id]).await, (1, 0));
    assert_eq!(worker.parked_count().await.unwrap(), 0);
    assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
}

pub(crate) async fn later_events_of_an_aggregate_are_parked_behind_it(rig: Rig) {
    let plan = Plan::default();
    let subscription = copy("ledger", OnFailure::ParkAggregate, &plan);
    let worker = rig.worker(subscription.clone()).await;
    plan.fail("programs/a", 2, u32::MAX, broken());
    for _ in 0..3 {
        rig.write("programs/a").await;
        rig.write("programs/b").await;
    }
    rig.settle(&[&*worker]).await;
    rig.write("programs/a").await;
    rig.write("programs/b").await;
    rig.settle(&[&*worker]).await;
    let done = effects(&rig.consumer).await;
    assert_eq!((versions(&done, "programs/a"), versions(&done, "programs/b")), (vec![1], vec![1, 2, 3, 4]));
    assert_eq!(worker.parked_count().await.unwrap(), 3);

    // An event that is not the first cannot be replayed, whoever names it.
    let last = parked_events(&rig).await.into_iter().filter_map(|p| p.event).find(|e| e.version == 4).unwrap();
    plan.mend();
    assert_eq!(replay(&rig, &subscription, &[last.event_id]).await, (0, 1));
    plan.fail("programs/a", 3, 1, broken());
    assert_eq!(replay(&rig, &subscription, &[]).await, (1, 2));
    assert_eq!(replay(&rig, &subscription, &[]).await, (2, 0));
    assert_eq!(versions(&effects(&rig.consumer).await, "programs/a"), [1, 2, 3, 4]);

    rig.write("programs/a").await;
    rig.settle(&[&*worker]).await;
    assert_eq!(versions(&effects(&rig.consumer).await, "programs/a"), [1, 2, 3, 4, 5]);
    assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
}

pub(crate) async fn an_event_that_fails_for_a_while_takes_effect_once(rig: Rig) {
    let plan = Plan::default();
    let worker = rig.worker(copy("copy", OnFailure::Park, &plan)).await;
    plan.fail("programs/a", 1, 5, away());
    rig.write("programs/a").await;
    rig.write("programs/b").await;
    rig.settle(&[&*worker]).await;
    let mut done = effects(&rig.consumer).await;
    done.sort();
    assert_eq!(done, [("programs/a".to_owned(), 1), ("programs/b".to_owned(), 1)]);
    assert_eq!(worker.parked_count().await.unwrap(), 0);
}

pub(crate) async fn an_event_that_always_fails_is_parked_in_the_end(rig: Rig) {
    let plan = Plan::default();
    let worker = rig.worker(copy("copy", OnFailure::Park, &plan)).await;
    plan.fail("programs/a", 1, u32::MAX, away());
    rig.write("programs/a").await;
    rig.write("programs/b").await;
    rig.settle(&[&*worker]).await;
    assert_eq!(effects(&rig.consumer).await, [("programs/b".to_owned(), 1)]);
    assert_eq!(i64::from(parked_events(&rig).await[0].attempts), DELIVERIES_MAX);
}

pub(crate) async fn a_panic_in_a_handler_parks_the_event(rig: Rig) {
    let handler = handling(|_, event| Box::pin(async move { if event.version == 1 { panic!("planned") } else { Ok(()) } }));
    let subscription = Subscription { handler, ..copy("copy", OnFailure::Park, &Plan::default()) };
    let worker = rig.worker(subscription).await;
    rig.write("programs/a").await;
    rig.write("programs/a").await;
    rig.settle(&[&*worker]).await;
    assert_eq!(worker.parked_count().await.unwrap(), 1);
}

pub(crate) async fn a_restart_resumes(rig: Rig) {
    let plan = Plan::default();
    for _ in 0..3 {
        let worker = rig.worker(copy("copy", OnFailure::Park, &plan)).await;
        rig.write_concurrently(2, 5, 1).await;
        rig.settle(&[&*worker]).await;
    }
    assert_eq!(effects(&rig.consumer).await.len(), 30, "nothing twice, nothing left out");
    assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
}

pub(crate) async fn a_new_subscriber_starts_at_the_beginning(rig: Rig) {
    rig.write_concurrently(1, 300, 2).await;
    let worker = rig.worker(copy("late", OnFailure::Park, &Plan::default())).await;
    rig.settle(&[&*worker]).await;
    assert_eq!(state(&rig.consumer).await, state(&rig.owner).await);
}

pub(crate) async fn other_subjects_are_skipped(rig: Rig) {
    let created = Subscription { subjects: &["onboard.program.created"], ..copy("created", OnFailure::Park, &Plan::default()) };
    let nothing = Subscription { subjects: &["onboard.partner."], ..copy("nothing", OnFailure::Park, &Plan::default()) };
    let (created, nothing) = (rig.worker(created).await, rig.worker(nothing).await);
    rig.write_concurrently(1, 10, 3).await;
    rig.settle(&[&*created, &*nothing]).await;
    assert_eq!(effects(&rig.consumer).await.len(), 10);
}

pub(crate) async fn a_slow_subscriber_delays_only_itself(rig: Rig) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let slow_handler = handling(move |_, _| {
        let opened = opened.clone();
        Box::pin(async move { opened.acquire().await.map(|_| ()).map_err(stoa_kernel::Error::internal) })
    });
    let slow = Subscription { handler: slow_handler, ..copy("slow", OnFailure::Park, &Plan::default()) };
    let slow: Arc<dyn Worker> = rig.worker_on(&rig.another_store("slow").await, slow).await.into();
    let fast = rig.worker(copy("fast", OnFailure::Park, &Plan::default())).await;
    rig.write_concurrently(1, 20, 1).await;
    rig.relay().await;
    let running = tokio::spawn({
        let slow = slow.clone();
        async move { slow.run_once().await }
    });
    rig.settle(&[&*fast]).await;
    assert_eq!(effects(&rig.consumer).await.len(), 20);
    assert!(!running.is_finished());
    gate.add_permits(1);
    assert!(running.await.unwrap().unwrap() > 0);
    rig.settle(&[&*slow]).await;
}

/// Several writers and two relays at once.
pub(crate) async fn positions_are_gap_free(rig: Rig) {
    const TOTAL: i64 = 6 * 11 * 5;
    let relays = [Relay::new(rig.owner.clone(), "onboard"), Relay::new(rig.owner.clone(), "onboard")];
    let (rig, log) = (&rig, rig.log());
    let run = async |relay: &Relay| {
        while log.head().await.unwrap() < TOTAL {
            relay.run_once().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    join3(rig.write_concurrently(6, 11, 5), run(&relays[0]), run(&relays[1])).await;
    let events = log.read(0, 1000).await.unwrap();
    assert_eq!(events.iter().map(|e| e.position).collect::<Vec<_>>(), (1..=TOTAL).collect::<Vec<_>>());
    let mut last: HashMap<&str, i64> = HashMap::new();
    for event in &events {
        assert_eq!(event.version, last.insert(&event.aggregate, event.version).unwrap_or_default() + 1, "{}", event.aggregate);
    }
}
