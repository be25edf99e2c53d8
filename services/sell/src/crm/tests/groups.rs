//! Rows of one transaction, whose links and deals are read at once.

use stoa_proto::sell::v1::{CrmDealField, CrmFieldOwner, CrmFieldRule};
use stoa_store::documents;

use super::*;
use crate::crm::{
    batch::{Pusher, apply_group},
    connector::store::CrmConnectors,
};

/// Applies rows in one transaction, which none of them breaks.
async fn apply_rows(bench: &Bench, rows: Vec<CrmRow>) -> Vec<CrmRowResult> {
    let (store, cx) = (&bench.api.deps.store, bench.cx(Reach::Tenant));
    let connector = documents::get::<CrmConnectors, _>(store.read(), &cx, CONNECTOR).await.unwrap();
    store.run(&cx, (connector, rows), apply_group).await.unwrap()
}

fn of(row: CrmRow, partner: &str, account: &str) -> CrmRow {
    with(row, |d| (d.partner, d.account_name, d.account_reference) = (format!("partners/{partner}"), account.into(), account.into()))
}

#[tokio::test]
async fn rows_of_one_object_build_on_each_other() {
    let bench = bench().await;
    let at = |mut row: CrmRow, days: i64| {
        row.remote_time = Some(bench.now().plus_days(days).proto());
        row
    };
    let gone = |version: &str, days| at(CrmRow { deleted: true, deal: None, ..row(&bench, "1", version, "Engaging") }, days);
    let rows = || {
        vec![
            at(row(&bench, "1", "v1", "Prospecting"), -9),
            at(row(&bench, "1", "v2", "Engaging"), -8),
            at(row(&bench, "1", "v2", "Engaging"), -8),
            gone("v3", -7),
            at(row(&bench, "1", "v4", "Engaging"), -6),
            at(row(&bench, "1", "v5", "Won"), -5),
        ]
    };
    let results = apply_rows(&bench, rows()).await;
    let [created, updated, unchanged] = [Outcome::Created, Outcome::Updated, Outcome::Unchanged];
    assert_eq!(outcomes(&results), [created, updated, unchanged, updated, created, updated]);
    assert_eq!((&results[1].resource, &results[3].resource), (&results[0].resource, &results[0].resource));
    assert_eq!(results[5].resource, results[4].resource);
    assert_ne!(results[4].resource, results[0].resource);
    assert_eq!(get(&bench, &results[5].resource).await.unwrap().pipeline_stage(), Stage::Won);

    let subjects = bench.deal_events().await;
    let last = apply_rows(&bench, vec![rows().pop().unwrap(), gone("v6", -4)]).await;
    assert_eq!(outcomes(&last), [unchanged, Outcome::Conflict], "the link is that of the last row");
    assert_eq!(bench.deal_events().await, subjects);
}

#[tokio::test]
async fn new_and_changed_links_of_a_group_are_written() {
    let bench = bench().await;
    let rows = |ids: std::ops::Range<usize>, version: &str, stage: &str| -> Vec<CrmRow> {
        ids.map(|i| row(&bench, &format!("r{i}"), version, stage)).collect()
    };
    let first = apply_rows(&bench, rows(0..30, "v1", "Engaging")).await;
    let second = apply_rows(&bench, rows(20..50, "v2", "Won")).await;
    let (again, new) = second.split_at(10);
    assert!(
        again.iter().all(|result| result.outcome() == Outcome::Updated) && new.iter().all(|result| result.outcome() == Outcome::Created)
    );
    assert!(again.iter().zip(&first[20..]).all(|(after, before)| after.resource == before.resource));
    let third = apply_rows(&bench, [rows(0..20, "v1", "Engaging"), rows(20..50, "v2", "Won")].concat()).await;
    assert!(third.iter().all(|result| result.outcome() == Outcome::Unchanged));
    assert!(third.iter().zip(first[..20].iter().chain(&second)).all(|(after, before)| after.resource == before.resource));
}

#[tokio::test]
async fn a_past_registration_is_found_by_its_current_customer() {
    let bench = bench().await;
    let one = |id: &str, version: &str, partner: &str, account: &str| of(row(&bench, id, version, "Engaging"), partner, account);
    push(&bench, vec![one("1", "v1", "acme", "Cancity"), one("2", "v1", "other", "Isdom")]).await;
    let moved = push(&bench, vec![one("1", "v2", "acme", "Isdom"), one("3", "v1", "other", "Cancity")]).await;
    assert_eq!(moved.iter().map(kinds).collect::<Vec<_>>(), [vec![Finding::Overlap], vec![]]);

    let unregistered = with(one("4", "v1", "other", "Faxquote"), |d| d.registered_time = None);
    push(&bench, vec![unregistered]).await;
    let late =
        push(&bench, vec![one("5", "v1", "acme", "Faxquote"), one("4", "v2", "other", "Faxquote"), one("6", "v1", "acme", "Faxquote")])
            .await;
    assert_eq!(late.iter().map(kinds).collect::<Vec<_>>(), [vec![], vec![Finding::Overlap], vec![Finding::Overlap]]);
}

#[tokio::test]
async fn a_deal_does_not_overlap_with_its_own_past() {
    let bench = bench().await;
    let (store, cx) = (&bench.api.deps.store, bench.cx(Reach::Tenant));
    let mut connector = documents::get::<CrmConnectors, _>(store.read(), &cx, CONNECTOR).await.unwrap();
    connector.field_owners = vec![CrmFieldRule { field: CrmDealField::Partner.into(), owner: CrmFieldOwner::Remote.into() }];
    let one = |id: &str, version: &str, partner: &str| of(row(&bench, id, version, "Engaging"), partner, "Cancity");
    let apply = async |rows: Vec<CrmRow>| store.run(&cx, (connector.clone(), rows), apply_group).await.unwrap();
    apply(vec![one("1", "v1", "acme")]).await;
    let reassigned = apply(vec![one("1", "v2", "other")]).await;
    assert_eq!((outcomes(&reassigned), kinds(&reassigned[0])), (vec![Outcome::Updated], vec![]));
    let next = apply(vec![one("1", "v3", "acme"), one("2", "v1", "other")]).await;
    assert_eq!(next.iter().map(kinds).collect::<Vec<_>>(), [vec![], vec![Finding::Overlap]]);
}

#[tokio::test]
async fn a_registration_keeps_identifiers_that_its_row_leaves_out() {
    let bench = bench().await;
    let registered = |id: &str, version: &str, partner: &str, domain: &str| {
        with(of(row(&bench, id, version, "Engaging"), partner, ""), |d| {
            (d.account_name, d.account_domain) = ("Cancity".into(), domain.into());
        })
    };
    let without_date = |row| with(row, |d: &mut DealRow| d.registered_time = None);
    // A deal that is registered by a later row, which leaves out the domain.
    push(&bench, vec![registered("1", "v1", "acme", "cancity.example"), without_date(registered("2", "v1", "other", "cancity.example"))])
        .await;
    let late = push(&bench, vec![registered("2", "v2", "other", "")]).await;
    assert_eq!(kinds(&late[0]), [Finding::Overlap]);
    // A group that registers a deal and then changes its customer.
    let rows = vec![
        registered("3", "v1", "other", "isdom.example"),
        without_date(registered("3", "v2", "other", "faxquote.example")),
        registered("4", "v1", "acme", "isdom.example"),
        registered("5", "v1", "acme", "faxquote.example"),
    ];
    let found = push(&bench, rows).await;
    assert_eq!(found.iter().map(kinds).collect::<Vec<_>>(), [vec![], vec![Finding::NoEngageDate], vec![], vec![Finding::Overlap]]);
}

#[tokio::test]
async fn a_row_of_a_partner_that_does_not_exist_is_refused() {
    let bench = bench().await;
    let rows = || vec![row(&bench, "1", "v1", "Won"), of(row(&bench, "2", "v1", "Won"), "ghost", "Isdom"), row(&bench, "3", "v1", "Won")];
    let asked = BatchPushChangesRequest { connector: CONNECTOR.into(), rows: rows() };
    assert_eq!(reason(bench.api.batch_push_changes(bench.as_vendor(asked)).await), "UNAVAILABLE", "only its owner could tell");
    let mut pusher = Pusher::open(&bench.api.deps, &bench.cx(Reach::Tenant), CONNECTOR).await.unwrap();
    pusher.partners.insert("ghost".into(), false);
    let results = pusher.push(rows()).await.unwrap();
    assert_eq!(outcomes(&results), [Outcome::Created, Outcome::Rejected, Outcome::Created]);
    assert_eq!(results.iter().map(|result| result.remote_id.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!((results[1].errors[0].field.as_str(), results[1].errors[0].reason.as_str()), ("deal.partner", "REFERENCE_NOT_FOUND"));
}
