//! Rows that a batch holds until its end.

use prost::Message;
use stoa_kernel::{Cx, Result};
use stoa_proto::{onboard::v1::Tier, resource::Aggregate};
use stoa_store::{Store, Tx, documents};

use crate::{
    documents::tier,
    support::{cx, each, item},
};

fn version(tier: &Tier, number: i64, rank: i32) -> Tier {
    let mut next = Tier { rank, ..tier.clone() };
    next.set_version(format!("\"{number}\""), prost_types::Timestamp::default(), false);
    next
}

async fn insert(tx: &Tx, cx: &Cx, tier: &Tier) -> Result<()> {
    documents::insert::<item::Entity>(tx, cx, tier, tier.encode_to_vec()).await
}

async fn save(tx: &Tx, cx: &Cx, tier: &Tier, before: i64) -> Result<()> {
    documents::save::<item::Entity>(tx, cx, tier, tier.encode_to_vec(), before).await
}

/// Tiers to insert, tiers to save over the version before, and the versions that
/// a tier that was inserted first gets.
type Batch = (Vec<Tier>, Vec<Tier>, Vec<Tier>);

async fn write(tx: &Tx, cx: &Cx, (new, next, later): &Batch) -> Result<()> {
    tx.hold_rows();
    for tier in new {
        insert(tx, cx, tier).await?;
    }
    for tier in next.iter().chain(later) {
        save(tx, cx, tier, 1).await?;
    }
    Ok(())
}

async fn ranks(store: &Store, ids: &[&str]) -> Vec<Option<i32>> {
    let ids: Vec<String> = ids.iter().map(|id| format!("p/{id}")).collect();
    let found = documents::find_all::<item::Entity, _>(store.read(), &cx(), ids.iter().map(String::as_str)).await.unwrap();
    ids.iter().map(|id| found.get(id).map(|tier| tier.rank)).collect()
}

#[tokio::test]
async fn new_and_changed_documents_of_a_batch_are_written() {
    each(async |db| {
        let known: Vec<Tier> = (0..3).map(|n| tier(&format!("known{n}"), "Known", n)).collect();
        db.store.run(&cx(), (known.clone(), vec![], vec![]), write).await.unwrap();
        let many: Vec<Tier> = (0..450).map(|n| tier(&format!("new{n:03}"), "New", n)).collect();
        let next = known.iter().take(2).map(|known| version(known, 2, known.rank + 10)).collect();
        let later = vec![version(&many[7], 2, 70), version(&many[7], 3, 71)];
        db.store.run(&cx(), (many, next, later), write).await.unwrap();
        let found = ranks(&db.store, &["known0", "known1", "known2", "new000", "new007", "new449", "new450"]).await;
        assert_eq!(found, [Some(10), Some(11), Some(2), Some(0), Some(71), Some(449), None]);
    })
    .await;
}

#[tokio::test]
async fn a_batch_fails_as_a_whole_if_a_row_is_not_newer_or_taken() {
    each(async |db| {
        let known = tier("known", "Known", 1);
        db.store.run(&cx(), (vec![known.clone()], vec![], vec![]), write).await.unwrap();
        db.store.run(&cx(), (vec![], vec![version(&known, 3, 3)], vec![]), write).await.unwrap();
        let other = tier("other", "Other", 5);
        for (next, reason) in [(version(&known, 3, 4), "ETAG_MISMATCH"), (version(&known, 2, 4), "ETAG_MISMATCH")] {
            let refused = db.store.run(&cx(), (vec![other.clone()], vec![next], vec![]), write).await;
            assert_eq!(refused.unwrap_err().reason(), reason);
        }
        let taken = db.store.run(&cx(), (vec![other, known], vec![], vec![]), write).await;
        assert_eq!(taken.unwrap_err().reason(), "ALREADY_EXISTS");
        assert_eq!(ranks(&db.store, &["known", "other"]).await, [Some(3), None]);
    })
    .await;
}

#[tokio::test]
async fn a_lock_sees_what_a_batch_holds() {
    async fn look(tx: &Tx, cx: &Cx, new: &Tier) -> Result<(bool, bool)> {
        tx.hold_rows();
        insert(tx, cx, new).await?;
        let unseen = documents::find::<item::Entity, _>(tx.conn(), cx, "p/new").await?.is_none();
        let locked = documents::lock::<item::Entity>(tx, cx, "p/new").await?.is_some();
        Ok((unseen, locked))
    }
    each(async |db| {
        assert_eq!(db.store.run(&cx(), tier("new", "New", 1), look).await.unwrap(), (true, true));
    })
    .await;
}
