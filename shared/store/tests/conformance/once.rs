//! Requests that have a request ID are done once.

use std::collections::BTreeSet;

use futures::future::join_all;
use sea_orm::ConnectionTrait;
use stoa_kernel::{Caller, Cx, Error, Reach, Result, Timestamp, clock::wall_now};
use stoa_proto::onboard::v1::{CreateTierRequest, Tier};
use stoa_store::{Store, Tx, prune};

use crate::support::{cx, each, ids, insert, item};

fn request(id: &str, parent: &str) -> CreateTierRequest {
    CreateTierRequest { request_id: id.to_owned(), parent: parent.to_owned(), ..Default::default() }
}

/// Inserts an item with a new ID and answers with it.
async fn create(tx: &Tx, _: &Cx, request: &CreateTierRequest) -> Result<Tier> {
    let id = stoa_kernel::ids::new_id();
    insert(tx, &item(&id)).await?;
    if request.parent == "programs/refused" {
        return Err(Error::state("programs/refused", "closed", "open"));
    }
    Ok(Tier { name: id, display_name: request.parent.clone(), ..Default::default() })
}

async fn once(store: &Store, cx: &Cx, request: CreateTierRequest) -> Result<Tier> {
    store.write_once(cx, request, create).await
}

async fn rows(store: &Store) -> usize {
    let sql = sea_orm::Statement::from_string(store.backend(), "SELECT request_id FROM idempotency");
    store.read().query_all_raw(sql).await.unwrap().len()
}

#[tokio::test]
async fn a_retry_gets_the_first_answer() {
    each(async |db| {
        let first = once(&db.store, &cx(), request("r1", "programs/p")).await.unwrap();
        let second = once(&db.store, &cx(), request("r1", "programs/p")).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(ids(&db.store).await.len(), 1);

        let e = once(&db.store, &cx(), request("r1", "programs/q")).await.unwrap_err();
        assert_eq!((e.reason().as_str(), e.fields()[0].field.as_str()), ("REQUEST_ID_REUSED", "request_id"));

        assert_eq!(rows(&db.store).await, 1);
    })
    .await;
}

#[tokio::test]
async fn every_caller_has_ids_of_its_own() {
    each(async |db| {
        let caller = |change: fn(&mut Caller)| {
            let mut cx = cx();
            change(&mut cx.caller);
            cx
        };
        let callers = [
            cx(),
            Cx { tenant: "u".to_owned(), ..cx() },
            caller(|c| c.subject = "persons/p".to_owned()),
            caller(|c| c.on_behalf_of = "persons/p".to_owned()),
            caller(|c| c.issuer = "https://other".to_owned()),
            caller(|c| c.reach = Reach::Partner("p".to_owned())),
            caller(|c| c.reach = Reach::Partner("q".to_owned())),
            caller(|c| c.connector = "p".to_owned()),
        ];
        let mut answers = BTreeSet::new();
        for cx in &callers {
            let answer = once(&db.store, cx, request("r1", "programs/p")).await.unwrap();
            assert!(answers.insert(answer.name.clone()), "{:?} got the answer of another caller", cx.caller);
            assert_eq!(once(&db.store, cx, request("r1", "programs/p")).await.unwrap(), answer);
        }
        assert_eq!(rows(&db.store).await, callers.len());
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    each(async |db| {
        for _ in 0..2 {
            let e = once(&db.store, &cx(), request("r1", "programs/refused")).await.unwrap_err();
            assert_eq!(e.reason(), "STATE_INVALID");
        }
        assert_eq!((rows(&db.store).await, ids(&db.store).await.len()), (0, 0));
        once(&db.store, &cx(), request("r1", "programs/p")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn without_an_id_every_request_is_done() {
    each(async |db| {
        for _ in 0..2 {
            once(&db.store, &cx(), request("", "programs/p")).await.unwrap();
        }
        assert_eq!((rows(&db.store).await, ids(&db.store).await.len()), (0, 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_id_are_done_once() {
    each(async |db| {
        let (store, cx) = (&db.store, &cx());
        let all = join_all((0..16).map(|_| async move { once(store, cx, request("r1", "programs/p")).await })).await;
        let first = all[0].as_ref().unwrap();
        assert!(all.iter().all(|answer| answer.as_ref().unwrap() == first));
        assert_eq!(ids(store).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn old_ids_are_deleted() {
    each(async |db| {
        for n in 0..5 {
            once(&db.store, &cx(), request(&n.to_string(), "programs/p")).await.unwrap();
        }
        assert_eq!(prune::idempotency(&db.store, Timestamp::from_micros(0), 10).await.unwrap(), 0);
        let now = wall_now().plus_hours(1);
        assert_eq!(prune::idempotency(&db.store, now, 3).await.unwrap(), 3);
        assert_eq!(prune::idempotency(&db.store, now, u64::MAX).await.unwrap(), 2);
        assert_eq!(rows(&db.store).await, 0);
    })
    .await;
}
