//! Tables of documents, and pages of them.

use proptest::{prelude::*, strategy::ValueTree};
use prost::Message;
use stoa_kernel::{Clock, Cx, Reach, page::PageKey};
use stoa_proto::{
    onboard::v1::Tier,
    resource::{Aggregate, ListRequest},
};
use stoa_store::{Documents, Key, Store, documents, filter::Field};

use crate::support::{cx, each, item};

impl Documents for item::Entity {
    type Document = Tier;
    const FILTER: &'static [Field] = &[Field::text("display_name").column("title").ordered(), Field::int("rank").column("count").ordered()];
    const PARENT: Option<&'static str> = Some("parent");

    fn row(Key { tenant, id, version, document }: Key, tier: &Tier) -> item::Model {
        let (parent, key) = (id.split('/').next().unwrap_or_default().to_owned(), id.clone());
        item::Model {
            tenant,
            id,
            version,
            document,
            key,
            parent,
            title: tier.display_name.clone(),
            count: i64::from(tier.rank),
            ..item::Model::default()
        }
    }
}

/// A list request.
#[derive(Clone, Default)]
pub(crate) struct List {
    pub(crate) parent: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) order_by: String,
    pub(crate) page_size: i32,
    pub(crate) page_token: String,
}

impl ListRequest for List {
    type Item = Tier;
    type Response = (Vec<Tier>, String);
    const METHOD: &'static str = "List";

    fn page_size(&self) -> i32 {
        self.page_size
    }
    fn page_token(&self) -> &str {
        &self.page_token
    }
    fn parent(&self) -> &str {
        self.parent
    }
    fn filter(&self) -> &str {
        self.filter
    }
    fn order_by(&self) -> &str {
        &self.order_by
    }
    fn response(items: Vec<Tier>, next: String) -> Self::Response {
        (items, next)
    }
}

pub(crate) fn tier(id: &str, title: &str, rank: i32) -> Tier {
    let mut tier = Tier { name: format!("programs/p/tiers/{id}"), display_name: title.to_owned(), rank, ..Tier::default() };
    tier.set_version("\"1\"".to_owned(), prost_types::Timestamp::default(), true);
    tier
}

pub(crate) async fn insert(store: &Store, tier: Tier) -> stoa_kernel::Result<()> {
    store.write((cx(), tier), |tx, (cx, tier)| Box::pin(documents::insert::<item::Entity>(tx, cx, tier, tier.encode_to_vec()))).await
}

pub(crate) async fn save(store: &Store, tier: Tier, before: i64) -> stoa_kernel::Result<()> {
    let work = (cx(), tier, before);
    store.write(work, |tx, (cx, tier, before)| Box::pin(documents::save::<item::Entity>(tx, cx, tier, tier.encode_to_vec(), *before))).await
}

pub(crate) async fn list(store: &Store, cx: &Cx, request: &List) -> stoa_kernel::Result<(Vec<Tier>, String)> {
    stoa_store::list::<item::Entity, _, _>(store.read(), &PageKey::new(b"k"), cx, request).await
}

#[tokio::test]
async fn a_document_is_written_once_per_version() {
    each(async |db| {
        let mut gold = tier("gold", "Gold", 3);
        insert(&db.store, gold.clone()).await.unwrap();
        assert_eq!(insert(&db.store, gold.clone()).await.unwrap_err().reason(), "ALREADY_EXISTS");
        gold.rank = 4;
        gold.set_version("\"2\"".to_owned(), prost_types::Timestamp::default(), false);
        save(&db.store, gold.clone(), 1).await.unwrap();
        assert_eq!(save(&db.store, gold.clone(), 1).await.unwrap_err().reason(), "ETAG_MISMATCH");
        let found = documents::get::<item::Entity, _>(db.store.read(), &cx(), &gold.name).await.unwrap();
        assert_eq!(found, gold);
        // Every column follows the document.
        let (ranked, _) = list(&db.store, &cx(), &List { filter: "rank = 4", parent: "programs/p", ..List::default() }).await.unwrap();
        assert_eq!(ranked, [gold.clone()]);

        let stranger = Cx::service("another", "test", &Clock::system(), "");
        let hidden = documents::get::<item::Entity, _>(db.store.read(), &stranger, &gold.name).await.unwrap_err();
        assert_eq!(hidden.reason(), "NOT_FOUND");
        let missing =
            documents::get_referenced::<item::Entity, _>(db.store.read(), &cx(), "tier", "programs/p/tiers/none").await.unwrap_err();
        assert_eq!((missing.reason().as_str(), missing.fields()[0].field.as_str()), ("REFERENCE_NOT_FOUND", "tier"));
    })
    .await;
}

/// The room of this table says that everybody in the tenant sees all of it.
#[tokio::test]
async fn whoever_has_a_link_finds_only_its_object() {
    each(async |db| {
        for id in ["a", "b"] {
            insert(&db.store, tier(id, id, 1)).await.unwrap();
        }
        let mut linked = cx();
        linked.caller.reach = Reach::Object("programs/p/tiers/a".to_owned());
        let sees = async |cx: &Cx, id: &str| documents::get::<item::Entity, _>(db.store.read(), cx, &tier(id, "", 0).name).await.is_ok();
        assert!(sees(&linked, "a").await && !sees(&linked, "b").await && sees(&cx(), "b").await);
        let (listed, _) = list(&db.store, &linked, &List { parent: "programs/p", ..List::default() }).await.unwrap();
        assert_eq!(listed, [tier("a", "a", 1)]);
        linked.caller.reach = Reach::Object("deals/a".to_owned());
        assert!(!sees(&linked, "a").await, "a link for another noun");
    })
    .await;
}

#[tokio::test]
async fn lists_are_limited_to_their_parent_and_refuse_other_orders() {
    each(async |db| {
        insert(&db.store, tier("a", "A", 1)).await.unwrap();
        let of = async |parent| list(&db.store, &cx(), &List { parent, ..List::default() }).await.map(|(found, _)| found.len());
        assert_eq!((of("programs/p").await.unwrap(), of("programs/q").await.unwrap()), (1, 0));
        assert_eq!(of("partners/p").await.unwrap_err().fields()[0].field, "parent");
        for order_by in ["create_time", "rank up", "rank desc, display_name", "rank asc desc"] {
            let refused = list(&db.store, &cx(), &List { parent: "programs/p", order_by: order_by.to_owned(), ..List::default() }).await;
            assert_eq!(refused.unwrap_err().reason(), "ORDER_INVALID", "{order_by}");
        }
    })
    .await;
}

#[tokio::test]
async fn pages_in_any_order_hold_every_row_once() {
    each(async |db| {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let titles = ["", "a", "b", "B", "é"];
        let rows = proptest::collection::vec((0..titles.len(), -2_i32..3), 0..25);
        let mut all: Vec<Tier> = Vec::new();
        for (n, (title, rank)) in rows.new_tree(&mut runner).unwrap().current().into_iter().enumerate() {
            let tier = tier(&format!("t{n:02}"), titles[title], rank);
            insert(&db.store, tier.clone()).await.unwrap();
            all.push(tier);
        }
        for order_by in ["", "rank", "rank desc", "display_name asc", "display_name desc"] {
            let mut expected = all.clone();
            expected.sort_by_key(|t| {
                (
                    if order_by.starts_with("rank") { t.rank } else { 0 },
                    if order_by.starts_with("display") { t.display_name.clone() } else { String::new() },
                    t.name.clone(),
                )
            });
            if order_by.ends_with("desc") {
                expected.reverse();
            }
            for page_size in [1, 3, 7] {
                let mut request = List { parent: "programs/p", order_by: order_by.to_owned(), page_size, ..List::default() };
                let mut seen = Vec::new();
                loop {
                    let (found, next) = list(&db.store, &cx(), &request).await.unwrap();
                    seen.extend(found);
                    if next.is_empty() {
                        break;
                    }
                    request.page_token = next;
                }
                assert_eq!(seen, expected, "{order_by} by {page_size}");
            }
        }
    })
    .await;
}
