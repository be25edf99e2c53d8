//! Deals from the CRM that are registered here, and what rows may change in them.

use prost_types::FieldMask;
use stoa_proto::sell::v1::{
    ApproveDealRegistrationRequest, ConflictSource, CrmConnector, CrmConnectorUpdated, Customer, DealWon, UpdateCrmConnectorRequest,
    UpdateDealRequest,
};

use super::*;

async fn update_customer(bench: &Bench, name: &str, customer: Customer) -> Deal {
    let request = UpdateDealRequest {
        deal: Some(Deal { name: name.into(), customer: Some(customer), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["customer".into()] }),
        ..Default::default()
    };
    bench.api.update_deal(bench.as_vendor(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_deal_that_the_crm_has_as_engaged_is_registered_like_any_other() {
    let bench = bench().await;
    let other = with(row(&bench, "2", "v1", "Engaging"), |d| d.partner = "partners/other".into());
    let created = push(&bench, vec![row(&bench, "1", "v1", "Engaging"), other]).await;
    let taken = get(&bench, &created[0].resource).await.unwrap();
    assert_eq!((taken.registration_state(), taken.imported), (State::Approved, true));

    let mine = bench.submit("acme", &created[0].resource).await.unwrap();
    assert_eq!((mine.registration_state(), mine.imported), (State::Submitted, false));
    assert_eq!(mine.submit_time, taken.submit_time, "registered since the date in the CRM");
    assert_eq!((mine.approve_time, mine.protect_end_time), (None, None), "it is decided again");
    assert!(mine.decide_due_time.is_some());
    let theirs = bench.submit("other", &created[1].resource).await.unwrap();
    assert_eq!((theirs.registration_state(), theirs.conflict_source()), (State::Conflicted, ConflictSource::Registration));

    let approve = ApproveDealRegistrationRequest { name: mine.name.clone(), ..Default::default() };
    let approved = bench.api.approve_deal_registration(bench.as_vendor(approve)).await.unwrap().into_inner();
    assert_eq!(approved.protect_end_time, bench.in_days(90));
    assert_eq!(reason(bench.submit("acme", &mine.name).await), "STATE_INVALID", "it can be registered only once");

    let won = with(row(&bench, "1", "v2", "Won"), |d| d.close_time = Some(bench.now().proto()));
    assert_eq!(outcomes(&push(&bench, vec![won]).await), [Outcome::Updated]);
    assert_eq!(bench.deal_events().await[4..], ["submitted", "submitted", "conflicted", "approved", "updated", "won"]);
    let last: DealWon = stoa_events::decode(bench.events().await.last().unwrap()).unwrap();
    assert!(!last.deal.unwrap().imported, "commission accrues from a deal that was registered here");
}

#[tokio::test]
async fn a_registered_deal_from_the_crm_expires_if_nobody_decides_it_in_time() {
    let bench = bench().await;
    let created = push(&bench, vec![row(&bench, "1", "v1", "Engaging")]).await;
    bench.submit("acme", &created[0].resource).await.unwrap();
    bench.pass_days(30);
    assert_eq!(get(&bench, &created[0].resource).await.unwrap().registration_state(), State::Expired);
    assert_eq!(bench.run(&crate::deal::expiry_job(&bench.api.deps)).await, 1);
}

#[tokio::test]
async fn what_a_row_does_not_say_stays() {
    let bench = bench().await;
    let created = push(&bench, vec![row(&bench, "1", "v1", "Engaging")]).await;
    let name = &created[0].resource;
    let before = get(&bench, name).await.unwrap().customer.unwrap();
    let known = Customer { tax_id: "DE1".into(), domain: "cancity.example".into(), direct_account: true, ..before };
    update_customer(&bench, name, known.clone()).await;
    let moved = with(row(&bench, "1", "v2", "Engaging"), |d| (d.close_date, d.vertical) = ("2024-05-01".into(), "retail".into()));
    let results = push(&bench, vec![moved]).await;
    assert_eq!((outcomes(&results), kinds(&results[0])), (vec![Outcome::Updated], vec![]));
    let deal = get(&bench, name).await.unwrap();
    assert_eq!(deal.customer.unwrap(), Customer { vertical: "retail".into(), ..known.clone() });

    let handed_over = with(row(&bench, "1", "v3", "Engaging"), |d| d.direct_account = Some(false));
    push(&bench, vec![handed_over]).await;
    let submitted = bench.submit("acme", name).await.unwrap();
    assert_eq!(submitted.registration_state(), State::Submitted);
    let again = push(&bench, vec![row(&bench, "1", "v4", "Engaging"), row(&bench, "1", "v5", "Won")]).await;
    assert_eq!(outcomes(&again), [Outcome::Unchanged, Outcome::Updated], "a tax number that the CRM does not know is no conflict");
    assert_eq!(kinds(&again[0]), []);
    let won = get(&bench, name).await.unwrap();
    assert_eq!((won.pipeline_stage(), won.customer.unwrap().tax_id.as_str()), (Stage::Won, "DE1"));
    assert_eq!(outcomes(&push(&bench, vec![row(&bench, "1", "v6", "Won")]).await), [Outcome::Unchanged], "nor on a closed deal");
}

#[tokio::test]
async fn a_registered_deal_keeps_its_claim_and_takes_the_rest_of_the_row() {
    let bench = bench().await;
    let unregistered = |version, account: &str| {
        with(row(&bench, "1", version, "Prospecting"), |d| {
            d.registered_time = None;
            d.account_reference = account.into();
        })
    };
    let created = push(&bench, vec![unregistered("v1", "Cancity")]).await;
    let name = &created[0].resource;
    let submitted = bench.submit("acme", name).await.unwrap();
    assert_eq!((submitted.registration_state(), submitted.imported), (State::Submitted, false));
    let differs = with(unregistered("v2", "Isdom"), |d| {
        (d.stage, d.amount_minor_units, d.account_name) = ("Engaging".into(), Some(500), "Isdom".into());
    });
    let results = push(&bench, vec![differs]).await;
    assert_eq!(outcomes(&results), [Outcome::Updated]);
    assert!(kinds(&results[0]).contains(&Finding::ClaimKept));
    let deal = get(&bench, name).await.unwrap();
    assert_eq!((&deal.customer, deal.product_line.as_str()), (&submitted.customer, "productLines/gtx"));
    assert_eq!((deal.pipeline_stage(), deal.amount.unwrap().minor_units), (Stage::Engaging, 500));

    let line = with(unregistered("v3", "Cancity"), |d| (d.product, d.stage) = ("MG Special".into(), "Engaging".into()));
    let deleted = CrmRow { deleted: true, ..row(&bench, "1", "v5", "Prospecting") };
    let same = with(unregistered("v4", "Cancity"), |d| d.stage = "Engaging".into());
    let results = push(&bench, vec![line, same, deleted]).await;
    assert_eq!(outcomes(&results), [Outcome::Unchanged, Outcome::Unchanged, Outcome::Conflict]);
    assert!(kinds(&results[0]).contains(&Finding::ClaimKept) && !kinds(&results[1]).contains(&Finding::ClaimKept));
}

#[tokio::test]
async fn a_direct_account_in_the_crm_is_in_conflict_when_it_is_registered() {
    let bench = bench().await;
    let direct = with(row(&bench, "1", "v1", "Engaging"), |d| d.direct_account = Some(true));
    let created = push(&bench, vec![direct]).await;
    let submitted = bench.submit("acme", &created[0].resource).await.unwrap();
    assert_eq!((submitted.registration_state(), submitted.conflict_source()), (State::Conflicted, ConflictSource::DirectSales));
}

#[tokio::test]
async fn every_change_of_a_connector_registration_is_an_event() {
    let bench = bench().await;
    let change = |name: &str| UpdateCrmConnectorRequest {
        crm_connector: Some(CrmConnector { name: CONNECTOR.into(), display_name: name.into(), ..Default::default() }),
        ..Default::default()
    };
    for name in ["Export", "Renamed", "Renamed"] {
        bench.api.update_crm_connector(bench.as_vendor(change(name))).await.unwrap();
    }
    let events = bench.events().await;
    let subjects: Vec<&str> = events.iter().filter_map(|e| e.subject.strip_prefix("sell.crm_connector.")).collect();
    assert_eq!(subjects, ["created", "updated"], "an update that changes nothing has no event");
    let last = events.last().unwrap();
    let connector = stoa_events::decode::<CrmConnectorUpdated>(last).unwrap().crm_connector.unwrap();
    assert_eq!((connector.display_name.as_str(), connector.stage_map.len()), ("Renamed", 4));
    assert_eq!((last.version, last.changed_fields.as_slice()), (2, &["display_name".to_owned()][..]));
}
