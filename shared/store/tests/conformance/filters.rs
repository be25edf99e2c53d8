//! Filters against rows.

use proptest::prelude::*;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use stoa_kernel::{Kind::InvalidArgument, Timestamp};
use stoa_proto::onboard::v1::TierCause;
use stoa_store::{
    Store,
    filter::{CHARS_MAX, Field, TERMS_MAX, condition},
};

use crate::support::{each, item, put};

const FIELDS: [Field; 8] = [
    Field::text("key"),
    Field::text("customer.title").column("item.title"),
    Field::int("count"),
    Field::bool("flag"),
    Field::value::<TierCause>("kind"),
    Field::time("due_time"),
    Field::name("parent", "partners"),
    Field::state::<TierCause>("state", in_state).column("kind"),
];

/// The instant that all filters are for.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// An item that is due is PIN, whatever was recorded.
fn in_state(state: i32, now: Timestamp) -> Condition {
    let due = item::Column::DueTime.lte(now.micros());
    if state == TierCause::Pin as i32 {
        return Condition::any().add(due).add(item::Column::Kind.eq(state));
    }
    let not_due = Condition::any().add(item::Column::DueTime.is_null()).add(item::Column::DueTime.gt(now.micros()));
    Condition::all().add(item::Column::Kind.eq(state)).add(not_due)
}

/// a: Acme 100% / b: acme_x / c: Beta*\ / D: Zürich
async fn fill(store: &Store) {
    for (id, title, count, kind, due_time, parent) in [
        ("a", "Acme 100%", -5, 1, Some(1_767_225_600_000_000), "x"),
        ("b", "acme_x", 0, 2, Some(1_767_225_600_000_001), "y"),
        ("c", "Beta*\\", 7, 1, None, ""),
        ("D", "Zürich", i64::MAX, 0, Some(-1), "x"),
    ] {
        let row = item::Model {
            title: title.to_owned(),
            count,
            kind,
            due_time,
            parent: parent.to_owned(),
            flag: count > 0,
            ..crate::support::item(id)
        };
        put(store, row).await.unwrap();
    }
}

async fn found(store: &Store, filter: &str) -> String {
    let condition = condition(filter, &FIELDS, NOW).unwrap_or_else(|e| panic!("{filter}: {e}"));
    let rows = item::Entity::find().filter(condition).order_by_asc(item::Column::Id).all(store.read()).await;
    rows.unwrap_or_else(|e| panic!("{filter}: {e}")).into_iter().map(|row| row.id).collect()
}

const FOUND: [(&str, &str); 49] = [
    ("", "Dabc"),
    ("  ", "Dabc"),
    ("key = a", "a"),
    ("key = \"a\"", "a"),
    ("key != a", "Dbc"),
    // Byte order: upper case first.
    ("key < \"a\"", "D"),
    ("key >= \"b\"", "bc"),
    ("key > \"Z\" AND key <= b", "ab"),
    ("customer.title < \"a\"", "Dac"),
    ("customer.title = \"Acme*\"", "a"),
    ("customer.title = \"acme*\"", "b"),
    ("customer.title != \"acme*\"", "Dac"),
    ("customer.title = \"*x\"", "b"),
    ("customer.title = \"*cm*\"", "ab"),
    ("customer.title = \"*\"", "Dabc"),
    ("customer.title : cme", "ab"),
    ("customer.title : \"*cme*\"", "ab"),
    ("customer.title : *", "Dabc"),
    ("customer.title : \"%\"", "a"),
    ("customer.title : \"_\"", "b"),
    ("customer.title : \"\\\\\"", "c"),
    ("customer.title = \"*\\\\\"", "c"),
    ("customer.title = \"%\"", ""),
    ("customer.title = \"Zürich\"", "D"),
    ("customer.title = \"'; DROP TABLE item; --\"", ""),
    ("count = 7", "c"),
    ("count < 0", "a"),
    ("count = -5", "a"),
    ("count >= 9223372036854775807", "D"),
    ("count = \"7\"", "c"),
    ("flag = true", "Dc"),
    ("flag != true", "ab"),
    ("kind = EVALUATION", "ac"),
    ("kind != TIER_CAUSE_EVALUATION", "Db"),
    ("state = PIN", "Dab"),
    ("state != PIN", "c"),
    ("state = EVALUATION", "c"),
    ("state != EVALUATION", "Dab"),
    ("due_time = null", "c"),
    ("due_time != null", "Dab"),
    ("due_time > \"2026-01-01T00:00:00Z\"", "b"),
    ("due_time <= \"2026-01-01T01:00:00+01:00\"", "Da"),
    ("parent = \"partners/x\"", "Da"),
    ("parent != \"partners/x\"", "bc"),
    ("parent = \"\"", "c"),
    // OR binds tighter than AND.
    ("kind = EVALUATION AND key = a OR key = b", "a"),
    ("(kind = EVALUATION AND key = a) OR key = b", "ab"),
    ("NOT (key = a OR key = b)", "Dc"),
    ("-key = a count > 0", "Dc"),
];

const REFUSED: [&str; 26] = [
    "tenant = t",
    "document = x",
    "acme",
    "\"acme\"",
    "key",
    "key = ",
    "key = (a OR b)",
    "key = regex(a)",
    "f(key) = a",
    "\"key\" = a",
    "key.x = a",
    "key = a.b",
    "(key = a",
    "key : null",
    "count = x",
    "count = 1.5",
    "count = 9223372036854775808",
    "count : 7",
    "flag = maybe",
    "flag > true",
    "kind = NOBODY",
    "kind < PIN",
    "due_time = \"yesterday\"",
    "parent = \"deals/x\"",
    "parent = \"partners/x/y\"",
    "key = \"a\0b\"",
];

#[tokio::test]
async fn filters_find_rows() {
    each(async |db| {
        fill(&db.store).await;
        for (filter, ids) in FOUND {
            assert_eq!(found(&db.store, filter).await, ids, "{filter}");
        }
        let most = vec!["key != none"; TERMS_MAX].join(" AND ");
        assert_eq!(found(&db.store, &most).await, "Dabc");
    })
    .await;
}

#[test]
fn invalid_filters_are_refused() {
    let long = format!("key = \"{}\"", "x".repeat(CHARS_MAX));
    let many = vec!["key = a"; TERMS_MAX + 1].join(" OR ");
    let deep = format!("{}key = a{}", "(".repeat(500), ")".repeat(500));
    for filter in REFUSED.into_iter().chain([long.as_str(), many.as_str(), deep.as_str()]) {
        let Err(e) = condition(filter, &FIELDS, NOW) else { panic!("{filter} is accepted") };
        assert_eq!((e.kind(), e.reason().as_str()), (InvalidArgument, "FILTER_INVALID"), "{filter}");
        assert_eq!(e.fields()[0].field, "filter");
        for field in FIELDS {
            assert!(e.fields()[0].message.contains(field.api), "{filter}: {}", e.message());
        }
    }
}

/// Pieces of filters, so that many generated filters are nearly valid.
fn pieces() -> impl Strategy<Value = String> {
    const WORDS: [&str; 25] = [
        "key",
        "count",
        "customer.title",
        "due_time",
        "=",
        "!=",
        "<=",
        ":",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "-",
        "\"",
        "'",
        "\\",
        "*",
        "null",
        "true",
        "7",
        ".",
        ",",
        "\"a*\"",
        "é",
    ];
    prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_filter_panics(filter in prop_oneof![".{0,80}", pieces()]) {
        match condition(&filter, &FIELDS, NOW) {
            Ok(condition) => {
                let query = item::Entity::find().filter(condition);
                for backend in [sea_orm::DbBackend::Sqlite, sea_orm::DbBackend::Postgres] {
                    sea_orm::QueryTrait::build(&query, backend);
                }
            }
            Err(e) => prop_assert_eq!(e.reason(), "FILTER_INVALID"),
        }
    }

    #[test]
    fn text_is_bound_and_never_spliced(text in "[^\"\\\\*\0]{1,30}") {
        let condition = condition(&format!("key : \"{text}\""), &FIELDS, NOW).unwrap();
        let query = sea_orm::QueryTrait::build(&item::Entity::find().filter(condition), sea_orm::DbBackend::Postgres);
        prop_assert!(query.sql.ends_with("WHERE \"key\" LIKE $1 ESCAPE E'\\\\'") || query.sql.ends_with("WHERE \"key\" LIKE $1 ESCAPE '\\'"), "{}", query.sql);
    }
}
