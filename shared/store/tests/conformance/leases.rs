//! Leases fence writes.

use std::time::Duration;

use futures::future::join_all;
use stoa_kernel::{Kind, Result};
use stoa_store::{
    Store,
    lease::{self, Lease},
};

use crate::support::{each, ids, insert, item};

async fn fenced(store: &Store, lease: &Lease, id: &str) -> Result<()> {
    let op = store.write((lease.clone(), item(id)), |tx, (lease, item)| {
        Box::pin(async move {
            lease::check(tx, lease).await?;
            insert(tx, item).await
        })
    });
    op.await
}

async fn wait(ms: u64) {
    #[expect(clippy::disallowed_methods, reason = "the database's clock cannot be driven")]
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test]
async fn one_holder_at_a_time() {
    each(async |db| {
        let a = lease::acquire(&db.store, "relay", "a", 60_000).await.unwrap().unwrap();
        assert_eq!((a.name(), a.epoch()), ("relay", 1));
        assert_eq!(lease::acquire(&db.store, "relay", "b", 60_000).await.unwrap(), None);
        assert!(lease::acquire(&db.store, "sweep", "b", 60_000).await.unwrap().is_some());
        // The holder extends its own lease.
        assert_eq!(lease::acquire(&db.store, "relay", "a", 60_000).await.unwrap(), Some(a.clone()));
        fenced(&db.store, &a, "1").await.unwrap();

        lease::release(&db.store, &a).await.unwrap();
        assert_eq!(fenced(&db.store, &a, "2").await.unwrap_err().kind(), Kind::Aborted);
        let b = lease::acquire(&db.store, "relay", "b", 60_000).await.unwrap().unwrap();
        assert_eq!(b.epoch(), 2);
        // A late release takes nothing from the next holder.
        lease::release(&db.store, &a).await.unwrap();
        fenced(&db.store, &b, "3").await.unwrap();
        assert_eq!(ids(&db.store).await, ["1", "3"]);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ended_writes_nothing() {
    each(async |db| {
        let a = lease::acquire(&db.store, "relay", "a", 40).await.unwrap().unwrap();
        wait(80).await;
        assert_eq!(fenced(&db.store, &a, "late").await.unwrap_err().kind(), Kind::Aborted);
        let b = lease::acquire(&db.store, "relay", "b", 60_000).await.unwrap().unwrap();
        assert!(b.epoch() > a.epoch());
        assert!(fenced(&db.store, &a, "late").await.is_err());
        assert!(ids(&db.store).await.is_empty());
        // The same holder has a new epoch after a gap, so its earlier lease is
        // void.
        let short = lease::acquire(&db.store, "sweep", "a", 40).await.unwrap().unwrap();
        wait(80).await;
        let again = lease::acquire(&db.store, "sweep", "a", 60_000).await.unwrap().unwrap();
        assert!(again.epoch() > short.epoch());
        assert!(fenced(&db.store, &short, "late").await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_waits_for_a_write_that_passed_the_check() {
    each(async |db| {
        let a = lease::acquire(&db.store, "relay", "a", 600).await.unwrap().unwrap();
        let write = db.store.write((a, item("a")), |tx, (a, item)| {
            Box::pin(async move {
                lease::check(tx, a).await?;
                wait(1_200).await;
                insert(tx, item).await
            })
        });
        let takeover = async {
            wait(700).await;
            let b = lease::acquire(&db.store, "relay", "b", 60_000).await.unwrap();
            (b.map(|b| b.epoch()), ids(&db.store).await)
        };
        let (written, taken) = tokio::join!(write, takeover);
        written.unwrap();
        assert_eq!(taken, (Some(2), vec!["a".to_owned()]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_many_gets_a_lease() {
    each(async |db| {
        for round in 0..5 {
            let name = format!("job{round}");
            let (store, name) = (&db.store, name.as_str());
            let all = join_all((0..8).map(|n| async move { lease::acquire(store, name, &n.to_string(), u64::MAX).await })).await;
            assert_eq!(all.into_iter().filter(|lease| lease.as_ref().unwrap().is_some()).count(), 1);
        }
    })
    .await;
}
