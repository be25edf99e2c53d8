//! Rows pushed through the API, on a store.

mod claims;
mod groups;

use futures::{StreamExt, stream};
use stoa_kernel::{Reach, Timestamp};
use stoa_proto::sell::v1::{
    BatchPushChangesRequest, CreateCrmConnectorRequest, CrmConnector, CrmFindingKind as Finding, CrmObject, CrmProductRule, CrmRow,
    CrmRowOutcome as Outcome, CrmRowResult, CrmStageRule, Deal, DealRow, GetDealRequest, ListDealsRequest, PipelineStage as Stage,
    PushChangesRequest, RegistrationState as State, crm_connector_service_server::CrmConnectorService,
    crm_sync_service_client::CrmSyncServiceClient, crm_sync_service_server::CrmSyncService, deal_service_server::DealService,
};
use tower::ServiceExt;

use crate::testing::{Bench, reason};

const CONNECTOR: &str = "crmConnectors/csv";

async fn bench() -> Bench {
    let bench = Bench::new().await;
    let product = |remote: &str, line: &str| CrmProductRule { remote_product: remote.into(), product_line: format!("productLines/{line}") };
    let stage = |remote: &str, stage: Stage| CrmStageRule { remote_stage: remote.into(), pipeline_stage: stage.into() };
    let crm_connector = CrmConnector {
        display_name: "Export".into(),
        product_map: vec![product("GTX Pro", "gtx"), product("GTXPro", "gtx"), product("MG Special", "mg")],
        stage_map: vec![
            stage("Prospecting", Stage::Prospecting),
            stage("Engaging", Stage::Engaging),
            stage("Won", Stage::Won),
            stage("Lost", Stage::Lost),
        ],
        currency_code: "USD".into(),
        ..Default::default()
    };
    let request =
        CreateCrmConnectorRequest { crm_connector_id: "csv".into(), crm_connector: Some(crm_connector), request_id: String::new() };
    bench.api.create_crm_connector(bench.as_vendor(request)).await.unwrap();
    bench
}

fn row(bench: &Bench, id: &str, version: &str, stage: &str) -> CrmRow {
    let closed = matches!(stage, "Won" | "Lost");
    let engaged = bench.now().plus_days(-300);
    CrmRow {
        object: CrmObject::Deal.into(),
        remote_id: id.into(),
        remote_version: version.into(),
        deal: Some(DealRow {
            partner: "partners/acme".into(),
            product: "GTXPro".into(),
            stage: stage.into(),
            account_name: "Cancity".into(),
            account_reference: "Cancity".into(),
            amount_minor_units: closed.then_some(105_400),
            registered_time: Some(engaged.proto()),
            close_time: closed.then(|| engaged.plus_days(100).proto()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The row with its deal changed.
fn with(mut row: CrmRow, change: impl FnOnce(&mut DealRow)) -> CrmRow {
    change(row.deal.as_mut().unwrap());
    row
}

async fn push(bench: &Bench, rows: Vec<CrmRow>) -> Vec<CrmRowResult> {
    let request = BatchPushChangesRequest { connector: CONNECTOR.into(), rows };
    bench.api.batch_push_changes(bench.as_vendor(request)).await.unwrap().into_inner().results
}

async fn get(bench: &Bench, name: &str) -> Result<Deal, tonic::Status> {
    bench.api.get_deal(bench.as_vendor(GetDealRequest { name: name.into() })).await.map(tonic::Response::into_inner)
}

fn outcomes(results: &[CrmRowResult]) -> Vec<Outcome> {
    results.iter().map(CrmRowResult::outcome).collect()
}

fn kinds(result: &CrmRowResult) -> Vec<Finding> {
    result.findings.iter().map(|f| f.kind()).collect()
}

#[tokio::test]
async fn a_won_row_is_history_with_each_of_its_events() {
    let bench = bench().await;
    let results = push(&bench, vec![row(&bench, "1", "v1", "Won")]).await;
    assert_eq!((outcomes(&results), kinds(&results[0])), (vec![Outcome::Created], vec![]));
    let deal = get(&bench, &results[0].resource).await.unwrap();
    let engaged = bench.now().plus_days(-300);
    assert_eq!((deal.pipeline_stage(), deal.registration_state(), deal.imported), (Stage::Won, State::Approved, true));
    assert_eq!(Timestamp::stored(deal.submit_time.as_ref()), Some(engaged));
    assert_eq!(Timestamp::stored(deal.win_time.as_ref()), Some(engaged.plus_days(100)));
    assert_eq!((deal.protect_end_time, deal.amount.unwrap().currency_code.as_str()), (None, "USD"));
    let events = bench.events().await;
    let subjects: Vec<(&str, Option<Timestamp>)> = events
        .iter()
        .filter_map(|e| e.subject.strip_prefix("sell.deal.").map(|verb| (verb, Timestamp::stored(e.occurred_time.as_ref()))))
        .collect();
    let expected = [("created", engaged), ("submitted", engaged), ("won", engaged.plus_days(100))];
    assert_eq!(subjects, expected.map(|(verb, at)| (verb, Some(at))));
}

#[tokio::test]
async fn pushing_rows_twice_changes_nothing() {
    let bench = bench().await;
    let rows = || vec![row(&bench, "1", "v1", "Won"), with(row(&bench, "2", "v1", "Engaging"), |d| d.account_name.clear())];
    let first = push(&bench, rows()).await;
    let subjects = bench.deal_events().await;
    let second = push(&bench, rows()).await;
    assert_eq!(outcomes(&second), [Outcome::Unchanged, Outcome::Unchanged]);
    for (a, b) in first.iter().zip(&second) {
        assert_eq!((&a.resource, &a.findings), (&b.resource, &b.findings), "a replay gets the same answer");
    }
    assert_eq!(bench.deal_events().await, subjects);
}

#[tokio::test]
async fn a_bad_row_among_good_ones_is_answered_in_its_place() {
    let bench = bench().await;
    let bad = vec![
        row(&bench, "1", "v1", "Won"),
        with(row(&bench, "2", "v1", "Won"), |d| d.product = "Nonsense".into()),
        with(row(&bench, "3", "v1", "Won"), |d| d.close_time = None),
        with(row(&bench, "4", "v1", "Engaging"), |d| d.amount_minor_units = Some(-1)),
        CrmRow::default(),
        with(row(&bench, "6", "v1", "Engaging"), |d| (d.stage, d.currency_code) = ("Nowhere".into(), "XYZ".into())),
        with(row(&bench, "7", "v1", "Won"), |d| d.close_time = Some(bench.now().plus_days(-301).proto())),
        with(row(&bench, "8", "v1", "Engaging"), |d| d.registered_time = Some(bench.now().plus_days(1).proto())),
        row(&bench, "9", "v1", "Lost"),
    ];
    let results = push(&bench, bad).await;
    let refused = Outcome::Rejected;
    let expected = [Outcome::Created, refused, refused, refused, refused, refused, refused, refused, Outcome::Created];
    assert_eq!(outcomes(&results), expected);
    let errors = |i: usize| results[i].errors.iter().map(|e| (e.field.as_str(), e.reason.as_str())).collect::<Vec<_>>();
    assert_eq!(errors(1), [("deal.product", "PRODUCT_UNMAPPED")]);
    assert_eq!(errors(2), [("deal.close_time", "DATE_INVALID")]);
    assert_eq!(errors(3), [("deal.amount_minor_units", "INVALID_FIELD")]);
    assert!(errors(4).contains(&("remote_id", "INVALID_FIELD")) && errors(4).contains(&("deal", "INVALID_FIELD")));
    assert_eq!(errors(5), [("deal.stage", "STAGE_UNMAPPED"), ("deal.currency_code", "CURRENCY_UNKNOWN")]);
    assert_eq!(errors(6), [("deal.close_time", "DATE_INVALID")]);
    assert_eq!(errors(7), [("deal.registered_time", "DATE_INVALID")]);
    let request = ListDealsRequest { filter: "imported = true".into(), ..Default::default() };
    assert_eq!(bench.api.list_deals(bench.as_vendor(request)).await.unwrap().into_inner().deals.len(), 2);
}

#[tokio::test]
async fn what_a_row_lacks_is_a_finding_and_may_leave_the_deal_unregistered() {
    let bench = bench().await;
    let no_account = with(row(&bench, "1", "v1", "Engaging"), |d| (d.account_name, d.account_reference) = Default::default());
    let no_date = with(row(&bench, "2", "v1", "Prospecting"), |d| d.registered_time = None);
    let no_amount = with(row(&bench, "3", "v1", "Won"), |d| d.amount_minor_units = None);
    let results = push(&bench, vec![no_account, no_date, no_amount]).await;
    assert_eq!(outcomes(&results), [Outcome::Created; 3]);
    let findings: Vec<Vec<Finding>> = results.iter().map(kinds).collect();
    assert_eq!(findings, [vec![Finding::NoAccount], vec![Finding::NoEngageDate], vec![Finding::NoAmount]]);
    for (result, registered) in results.iter().zip([false, false, true]) {
        assert_eq!(get(&bench, &result.resource).await.unwrap().submit_time.is_some(), registered);
    }
    let later = push(&bench, vec![row(&bench, "1", "v2", "Engaging")]).await;
    assert_eq!(outcomes(&later), [Outcome::Updated]);
    assert!(get(&bench, &results[0].resource).await.unwrap().submit_time.is_some(), "registered once the account is known");
}

#[tokio::test]
async fn overlapping_history_is_a_finding_and_competes_with_nobody() {
    let bench = bench().await;
    let other = |id, change: fn(&mut DealRow)| {
        with(row(&bench, id, "v1", "Engaging"), |d| {
            d.partner = "partners/other".into();
            change(d);
        })
    };
    let rows = vec![row(&bench, "1", "v1", "Engaging"), other("2", |_| ()), other("3", |d| d.product = "MG Special".into())];
    let results = push(&bench, rows).await;
    let findings: Vec<Vec<Finding>> = results.iter().map(kinds).collect();
    assert_eq!(findings, [vec![], vec![Finding::Overlap], vec![]]);

    let deal = bench.deal("acme", "d", "").await;
    let customer = stoa_proto::sell::v1::Customer { account_reference: "Cancity".into(), ..deal.customer.unwrap() };
    let update = stoa_proto::sell::v1::UpdateDealRequest {
        deal: Some(Deal { name: "deals/d".into(), customer: Some(customer), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["customer".into()] }),
        ..Default::default()
    };
    bench.api.update_deal(bench.as_vendor(update)).await.unwrap();
    assert_eq!(bench.submit("acme", "deals/d").await.unwrap().registration_state(), State::Submitted);
}

#[tokio::test]
async fn later_versions_change_a_deal_until_it_is_closed() {
    let bench = bench().await;
    let created = push(&bench, vec![row(&bench, "1", "v1", "Engaging")]).await;
    let name = &created[0].resource;
    let rows = vec![row(&bench, "1", "v2", "Won"), row(&bench, "1", "v3", "Lost"), row(&bench, "1", "v4", "Engaging")];
    let results = push(&bench, rows).await;
    assert_eq!(outcomes(&results), [Outcome::Updated, Outcome::Conflict, Outcome::Conflict], "in one batch, in order");
    assert_eq!(results[1].errors[0].reason, "DEAL_CLOSED");
    assert_eq!(get(&bench, name).await.unwrap().pipeline_stage(), Stage::Won);
    let again = push(&bench, vec![row(&bench, "1", "v4", "Engaging"), row(&bench, "1", "v5", "Won")]).await;
    assert_eq!(outcomes(&again), [Outcome::Conflict, Outcome::Unchanged]);
    let amount = push(&bench, vec![with(row(&bench, "1", "v6", "Won"), |d| d.amount_minor_units = Some(1))]).await;
    assert_eq!(outcomes(&amount), [Outcome::Conflict], "a closed deal is corrected, not overwritten");
    assert_eq!(bench.deal_events().await, ["created", "submitted", "updated", "won"]);
}

#[tokio::test]
async fn the_crm_does_not_overwrite_what_is_ours() {
    let bench = bench().await;
    let created = push(&bench, vec![row(&bench, "1", "v1", "Engaging")]).await;
    let moved = with(row(&bench, "1", "v2", "Engaging"), |d| (d.partner, d.close_date) = ("partners/other".into(), "2024-05-01".into()));
    assert_eq!(outcomes(&push(&bench, vec![moved]).await), [Outcome::Updated]);
    let deal = get(&bench, &created[0].resource).await.unwrap();
    assert_eq!((deal.partner.as_str(), deal.close_date.as_str()), ("partners/acme", "2024-05-01"));
}

#[tokio::test]
async fn older_rows_change_nothing_and_deletes_leave_a_tombstone() {
    let bench = bench().await;
    let at = |mut row: CrmRow, days: i64| {
        row.remote_time = Some(bench.now().plus_days(days).proto());
        row
    };
    let created = push(&bench, vec![at(row(&bench, "1", "v2", "Engaging"), -10)]).await;
    let older = push(&bench, vec![at(row(&bench, "1", "v1", "Prospecting"), -20)]).await;
    assert_eq!((outcomes(&older), kinds(&older[0])), (vec![Outcome::Unchanged], vec![Finding::Superseded]));
    let gone = at(CrmRow { deleted: true, deal: None, ..row(&bench, "1", "v3", "Engaging") }, -5);
    assert_eq!(outcomes(&push(&bench, vec![gone.clone(), gone.clone()]).await), [Outcome::Updated, Outcome::Unchanged]);
    assert_eq!(reason(get(&bench, &created[0].resource).await), "NOT_FOUND");
    assert_eq!(outcomes(&push(&bench, vec![at(row(&bench, "1", "v2", "Engaging"), -10)]).await), [Outcome::Unchanged], "a late row");
    let back = push(&bench, vec![at(row(&bench, "1", "v4", "Engaging"), -1)]).await;
    assert_eq!(outcomes(&back), [Outcome::Created]);
    assert_ne!(back[0].resource, created[0].resource);
    assert_eq!(outcomes(&push(&bench, vec![gone]).await), [Outcome::Unchanged]);
    let unknown = CrmRow { deleted: true, deal: None, ..row(&bench, "nobody", "v1", "Engaging") };
    assert_eq!(outcomes(&push(&bench, vec![unknown]).await), [Outcome::Unchanged]);
}

#[tokio::test]
async fn a_connector_sees_only_its_registration() {
    let bench = bench().await;
    let created = push(&bench, vec![row(&bench, "1", "v1", "Engaging")]).await;
    bench.deal("acme", "d", "example.com").await;
    let bound = |connector: &str| {
        let mut cx = bench.cx(Reach::Tenant);
        cx.caller.connector = connector.to_owned();
        cx
    };
    let rows = || BatchPushChangesRequest { connector: CONNECTOR.into(), rows: vec![row(&bench, "1", "v1", "Engaging")] };
    assert!(bench.api.batch_push_changes(bench.request(bound("csv"), rows())).await.is_ok());
    assert_eq!(reason(bench.api.batch_push_changes(bench.request(bound("else"), rows())).await), "NOT_FOUND");
    assert_eq!(reason(bench.api.batch_push_changes(bench.as_partner("acme", rows())).await), "SCOPE_EXCEEDED");
    let listed = bench.api.list_deals(bench.request(bound("csv"), ListDealsRequest::default())).await.unwrap().into_inner().deals;
    assert_eq!(listed.iter().map(|d| &d.name).collect::<Vec<_>>(), [&created[0].resource]);
}

#[tokio::test]
async fn a_batch_has_a_maximum_size() {
    let bench = bench().await;
    let rows = vec![CrmRow::default(); 1001];
    let request = BatchPushChangesRequest { connector: CONNECTOR.into(), rows };
    assert_eq!(reason(bench.api.batch_push_changes(bench.as_vendor(request)).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_stream_answers_every_row_in_order() {
    let bench = bench().await;
    let routes = crate::service(bench.api.deps.clone()).routes;
    let cx = bench.cx(Reach::Tenant);
    let service = tower::service_fn(move |mut request: http::Request<tonic::body::Body>| {
        request.extensions_mut().insert(cx.clone());
        routes.clone().oneshot(request)
    });
    let message = |i: usize, connector: &str| {
        let mut row = row(&bench, &format!("r{i}"), "v1", if i.is_multiple_of(5) { "Won" } else { "Engaging" });
        if i.is_multiple_of(7) {
            row.deal.as_mut().unwrap().product = "Nonsense".into();
        }
        PushChangesRequest { connector: connector.into(), row: Some(row) }
    };
    let rows: Vec<PushChangesRequest> = (0..450).map(|i| message(i, CONNECTOR)).chain([message(450, "crmConnectors/else")]).collect();
    let mut client = CrmSyncServiceClient::new(service);
    let answers: Vec<_> = client.push_changes(stream::iter(rows)).await.unwrap().into_inner().collect().await;
    let (last, answered) = answers.split_last().unwrap();
    for (i, answer) in answered.iter().enumerate() {
        let answer = answer.as_ref().unwrap();
        let result = answer.result.as_ref().unwrap();
        assert_eq!((result.remote_id.as_str(), answer.row_count), (format!("r{i}").as_str(), i as i64 + 1));
        assert_eq!(result.outcome(), if i.is_multiple_of(7) { Outcome::Rejected } else { Outcome::Created });
    }
    assert_eq!(stoa_rpc::error(last.as_ref().unwrap_err()).fields()[0].field, "connector", "a stream has one connector");
}
