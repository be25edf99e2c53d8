//! Large documents: refused beyond a limit, and few on a page.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::{prelude::*, strategy::ValueTree};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sea_orm_migration::async_trait;
use stoa_kernel::{
    Caller, Cx, Kind, Result,
    page::{PAGE_BYTES_MAX, PageKey},
};
use stoa_proto::{onboard::v1::Tier, resource::Aggregate};
use stoa_store::{
    Store, Tx,
    documents::{self, DOCUMENT_BYTES_MAX},
};

use crate::{
    documents::{List, insert, list, save, tier},
    support::{cx, each, item},
};

/// A tier that is encoded in this many bytes.
fn tier_of(id: &str, bytes: usize) -> Tier {
    let base = tier(id, "", 1).encoded_len();
    // The tag and the length of a text take two to four bytes.
    let mut fits = (2..=4).map(|extra| tier(id, &"x".repeat(bytes - base - extra), 1));
    fits.find(|sized| sized.encoded_len() == bytes).unwrap()
}

fn person() -> Cx {
    Cx { caller: Caller { subject: "persons/ann".to_owned(), ..cx().caller }, ..cx() }
}

/// The ways to write a document.
#[derive(Debug, Clone, Copy)]
enum Way {
    Insert,
    Hold,
    InsertFirst,
    Save,
}

async fn write(tx: &Tx, cx: &Cx, (way, tier): &(Way, Tier)) -> Result<()> {
    let bytes = tier.encode_to_vec();
    match way {
        Way::Insert => documents::insert::<item::Entity>(tx, cx, tier, bytes).await,
        Way::Hold => {
            tx.hold_rows();
            documents::insert::<item::Entity>(tx, cx, tier, bytes).await
        }
        Way::InsertFirst => documents::insert_first::<item::Entity>(tx, cx, vec![(tier, bytes)]).await.map(|_| ()),
        Way::Save => documents::save::<item::Entity>(tx, cx, tier, bytes, 1).await,
    }
}

#[tokio::test]
async fn a_document_has_a_limit_however_it_is_written() {
    each(async |db| {
        for (n, way) in [Way::Insert, Way::Hold, Way::InsertFirst, Way::Save].into_iter().enumerate() {
            let id = format!("t{n}");
            let run = async |cx: Cx, bytes: usize| {
                let mut sized = tier_of(&id, bytes);
                if let Way::Save = way {
                    let before = tier(&id, "", 0);
                    let known = documents::find::<item::Entity, _>(db.store.read(), &cx, &format!("p/{id}")).await.unwrap();
                    if known.is_none() {
                        insert(&db.store, before).await.unwrap();
                    }
                    sized.set_version("\"2\"".to_owned(), prost_types::Timestamp::default(), false);
                }
                db.store.run(&cx, (way, sized), write).await
            };
            let refused = run(person(), DOCUMENT_BYTES_MAX + 1).await.unwrap_err();
            assert_eq!((refused.kind(), refused.reason().as_str()), (Kind::InvalidArgument, "TOO_LARGE"), "{way:?}");
            assert_eq!(refused.fields()[0].field, "tier");
            assert!(refused.metadata().contains(&("bytes_max".into(), DOCUMENT_BYTES_MAX.to_string())));
            let beyond = run(cx(), 2 * DOCUMENT_BYTES_MAX + 1).await.unwrap_err();
            assert_eq!(beyond.reason(), "TOO_LARGE", "a service that acts on its own has a limit, too");
            run(person(), DOCUMENT_BYTES_MAX).await.unwrap();
        }
        let issuer = "https://id.example.com".to_owned();
        for caller in [
            Caller { issuer: issuer.clone(), ..Caller::service("erp") },
            Caller { issuer, on_behalf_of: "services/erp".to_owned(), ..Caller::service("sell") },
        ] {
            let other = Cx { caller, ..cx() };
            let refused = db.store.run(&other, (Way::Insert, tier_of("other", DOCUMENT_BYTES_MAX + 1)), write).await.unwrap_err();
            assert_eq!(refused.reason(), "TOO_LARGE", "{:?}", other.caller);
        }
        let due = tier_of("due", 2 * DOCUMENT_BYTES_MAX);
        db.store.run(&cx(), (Way::Insert, due), write).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_page_holds_as_many_documents_as_fit() {
    each(async |db| {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let sizes = [100, 4096, 4097, 100_000, DOCUMENT_BYTES_MAX, 2 * DOCUMENT_BYTES_MAX];
        let rows = proptest::collection::vec((0..sizes.len(), 0_i32..3), 40);
        let mut all = Vec::new();
        for (n, (size, rank)) in rows.new_tree(&mut runner).unwrap().current().into_iter().enumerate() {
            let sized = Tier { rank: rank + 1, ..tier_of(&format!("t{n:02}"), sizes[size]) };
            insert(&db.store, sized.clone()).await.unwrap();
            all.push(sized);
        }
        let bytes = |page: &[Tier]| page.iter().map(|tier| tier.encoded_len() as u64).sum::<u64>();
        for (order_by, page_size) in [("", 1000), ("rank desc", 1000), ("", 7)] {
            let mut request = List { parent: "programs/p", order_by: order_by.to_owned(), page_size, ..List::default() };
            let mut pages = Vec::new();
            loop {
                let (found, next) = list(&db.store, &cx(), &request).await.unwrap();
                pages.push(found);
                if next.is_empty() {
                    break;
                }
                request.page_token = next;
            }
            for (i, page) in pages.iter().enumerate() {
                assert!(page.len() == 1 || bytes(page) <= PAGE_BYTES_MAX, "page {i} has {} bytes", bytes(page));
                if let Some(after) = pages.get(i + 1) {
                    let full = page.len() == usize::try_from(page_size).unwrap() || bytes(page) + bytes(&after[..1]) > PAGE_BYTES_MAX;
                    assert!(full, "page {i} ends too early");
                }
            }
            let mut expected = all.clone();
            if !order_by.is_empty() {
                expected.sort_by(|a, b| (b.rank, &b.name).cmp(&(a.rank, &a.name)));
            }
            assert!(pages.concat() == expected, "every row once, by `{order_by}`");
        }
    })
    .await;
}

/// A connection over which others write after its first query.
struct Interrupted<'a> {
    store: &'a Store,
    inserted: &'a [Tier],
    saved: &'a [Tier],
    has_asked: AtomicBool,
}

#[async_trait::async_trait]
impl ConnectionTrait for Interrupted<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.store.read().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.store.read().execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.store.read().execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.store.read().query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self.store.read().query_all_raw(statement).await?;
        if !self.has_asked.swap(true, Ordering::Relaxed) {
            for tier in self.inserted {
                insert(self.store, tier.clone()).await.unwrap();
            }
            for tier in self.saved {
                save(self.store, tier.clone(), 1).await.unwrap();
            }
        }
        Ok(rows)
    }
}

/// The ids of each page, if others write after the first query of the first one.
async fn pages(store: &Store, (page_size, order_by): (i32, &str), inserted: &[Tier], saved: &[Tier]) -> Vec<String> {
    let mut request = List { parent: "programs/p", order_by: order_by.to_owned(), page_size, ..List::default() };
    let conn = Interrupted { store, inserted, saved, has_asked: AtomicBool::new(false) };
    let mut pages = Vec::new();
    loop {
        let (found, next) = stoa_store::list::<item::Entity, _, _>(&conn, &PageKey::new(b"k"), &cx(), &request).await.unwrap();
        let bytes: usize = found.iter().map(Message::encoded_len).sum();
        assert!(found.len() == 1 || bytes as u64 <= PAGE_BYTES_MAX, "{bytes}");
        pages.push(found.iter().map(|tier| tier.name.rsplit('/').next().unwrap()).collect::<Vec<_>>().concat());
        if next.is_empty() {
            return pages;
        }
        request.page_token = next;
    }
}

/// A tier of some size, in the version of its second write.
fn second(id: &str, bytes: usize, rank: i32) -> Tier {
    let mut tier = Tier { rank, ..tier_of(id, bytes) };
    tier.set_version("\"2\"".to_owned(), prost_types::Timestamp::default(), false);
    tier
}

#[tokio::test]
async fn what_is_written_while_a_page_is_read_pushes_nothing_off_it() {
    const LARGE: usize = 100_000;
    let by_rank = |ids: &[&str]| ids.iter().zip(1..).map(|(id, rank)| Tier { rank, ..tier_of(id, LARGE) }).collect::<Vec<_>>();
    each(async |db| {
        for tier in by_rank(&["b", "d", "f", "h"]) {
            insert(&db.store, tier).await.unwrap();
        }
        // One comes into the middle of what was the last page.
        assert_eq!(pages(&db.store, (4, ""), &[tier_of("c", LARGE)], &[]).await, ["bdfh"]);
    })
    .await;
    each(async |db| {
        let ids = ["a", "b", "c", "d", "e", "f"];
        for tier in by_rank(&ids) {
            insert(&db.store, tier).await.unwrap();
        }
        // They grow beyond a page: those that no longer fit are on the next one.
        let grown = ids.map(|id| second(id, 2 * DOCUMENT_BYTES_MAX, 1));
        assert_eq!(pages(&db.store, (6, ""), &[], &grown).await, ["abcd", "ef"]);
    })
    .await;
    each(async |db| {
        for tier in by_rank(&["a", "b", "c", "d", "e", "f"]) {
            insert(&db.store, tier).await.unwrap();
        }
        // The last one of the page moves behind all others.
        assert_eq!(pages(&db.store, (4, "rank"), &[], &[second("d", LARGE, 9)]).await, ["abcd", "efd"]);
    })
    .await;
}
