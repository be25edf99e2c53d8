use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use stoa_testkit::Place;

use super::*;
use crate::{
    fact::training,
    row::{Document, Row},
};

/// A store in which each of these tenants has one fact.
async fn store(place: &Place, tenants: &[&str]) -> Store {
    let store = Store::open(&place.store(crate::NAME).await).await.unwrap();
    store.migrate(crate::migrations()).await.unwrap();
    for tenant in tenants {
        add(&store, tenant, 1).await;
    }
    store
}

async fn add(store: &Store, tenant: &str, position: i64) {
    let training = training::Stored { partner: "acme".into(), complete: position, product_line: String::new() };
    let document = Document::new(training::KIND.number, &training).unwrap();
    let aggregate = format!("courseCompletions/{position}");
    let row = Row { aggregate, version: 1, occurred: position, recorded: position, source: 1, position, document };
    store.write((tenant.to_owned(), row), |tx, (tenant, row)| store::add(tx, tenant, row).boxed()).await.unwrap();
}

#[tokio::test]
async fn a_build_continues_if_its_caller_goes_away() {
    let place = Place::new();
    let keeper = Arc::new(Keeper::new(store(&place, &["t"]).await, usize::MAX));
    let mut caller = Box::pin(keeper.ready("t"));
    loop {
        assert!(futures::poll!(&mut caller).is_pending());
        // The building task holds a reference to the keeper.
        if Arc::strong_count(&keeper) > 1 {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(caller);
    assert_eq!(keeper.slot("t").lock().await.version, 1);
}

#[tokio::test]
async fn a_frame_catches_up_and_is_kept() {
    let place = Place::new();
    let store = store(&place, &["t"]).await;
    let keeper = Arc::new(Keeper::new(store.clone(), usize::MAX));
    let first = keeper.ready("t").await.unwrap();
    assert!(Arc::ptr_eq(&first.frame, &keeper.ready("t").await.unwrap().frame));
    add(&store, "t", 7).await;
    // An existing row changes nothing.
    add(&store, "t", 7).await;
    let second = keeper.ready("t").await.unwrap();
    assert_eq!((first.frame.positions[1], second.frame.positions[1], second.exceeded()), (1, 7, false));
    assert_eq!(second.frame.facts.trainings.row(1).len(), 2);
    assert!(keeper.ready("u").await.unwrap().frame.facts.trainings.row(1).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn frames_above_the_limit_are_in_memory_one_at_a_time() {
    let place = Place::new();
    let tenants = ["a", "b", "c", "d"];
    let keeper = Arc::new(Keeper::new(store(&place, &tenants).await, 0));
    let held = Arc::new(AtomicUsize::new(0));
    let answers = tenants.map(|tenant| {
        let (keeper, held) = (keeper.clone(), held.clone());
        tokio::spawn(async move {
            let ready = keeper.ready(tenant).await.unwrap();
            let others = held.fetch_add(1, Ordering::SeqCst);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            held.fetch_sub(1, Ordering::SeqCst);
            (ready.exceeded(), others)
        })
    });
    for answer in answers {
        assert_eq!(answer.await.unwrap(), (true, 0));
    }
}
