//! Deals through the API, on a store.

use futures::future::join_all;
use stoa_kernel::Timestamp;
use stoa_proto::{
    common::v1::Money,
    sell::v1::{
        AdvanceDealStageRequest, ApproveDealRegistrationRequest, CorrectDealRequest, CreateDealRequest, Credit, Customer, Deal,
        ExtendDealProtectionRequest, GetDealRequest, ListDealsRequest, LoseDealRequest, PipelineStage as Stage, RegistrationState as State,
        UpdateDealRequest, WinDealRequest, WithdrawDealRegistrationRequest, deal_service_server::DealService,
    },
};

use super::{expiry_job, reminder_job};
use crate::testing::{Bench, occurred, reason};

fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "USD".into() })
}

async fn approve(bench: &Bench, name: &str) -> Result<Deal, tonic::Status> {
    let request = ApproveDealRegistrationRequest { name: name.into(), ..Default::default() };
    bench.api.approve_deal_registration(bench.as_vendor(request)).await.map(tonic::Response::into_inner)
}

async fn win(bench: &Bench, name: &str, amount: Option<Money>) -> Result<Deal, tonic::Status> {
    let request = WinDealRequest { name: name.into(), amount, ..Default::default() };
    bench.api.win_deal(bench.as_vendor(request)).await.map(tonic::Response::into_inner)
}

async fn list(bench: &Bench, partner: &str, filter: &str) -> Vec<String> {
    let request = ListDealsRequest { filter: filter.into(), ..Default::default() };
    let deals = bench.api.list_deals(bench.as_partner(partner, request)).await.unwrap().into_inner().deals;
    deals.into_iter().map(|d| d.name).collect()
}

#[tokio::test]
async fn a_deal_from_draft_to_won_has_an_event_for_each_step() {
    let bench = Bench::new().await;
    let deal = bench.deal("acme", "d", "example.com").await;
    assert_eq!((deal.registration_state(), deal.partner.as_str()), (State::Draft, "partners/acme"));
    assert_eq!(deal.credits, [Credit { partner: "partners/acme".into(), share_basis_points: 10_000 }]);

    assert_eq!(bench.submit("acme", "deals/d").await.unwrap().registration_state(), State::Submitted);
    let approved = approve(&bench, "deals/d").await.unwrap();
    assert_eq!(Timestamp::stored(approved.protect_end_time.as_ref()), Some(bench.now().plus_days(90)));
    let stage = AdvanceDealStageRequest { name: "deals/d".into(), target_stage: Stage::Negotiating.into(), ..Default::default() };
    bench.api.advance_deal_stage(bench.as_partner("acme", stage)).await.unwrap();
    assert_eq!(reason(win(&bench, "deals/d", None).await), "INVALID_FIELD", "a won deal has an amount");
    let won = win(&bench, "deals/d", usd(500)).await.unwrap();
    assert_eq!((won.pipeline_stage(), won.win_time.is_some(), won.etag.as_str()), (Stage::Won, true, "\"5\""));

    let lose = LoseDealRequest { name: "deals/d".into(), reason: "late".into(), ..Default::default() };
    assert_eq!(reason(bench.api.lose_deal(bench.as_vendor(lose)).await), "STATE_INVALID");
    assert_eq!(bench.deal_events().await, ["created", "submitted", "approved", "stage_changed", "won"]);
    let events = bench.events().await;
    let last: stoa_proto::sell::v1::DealWon = stoa_events::decode(events.last().unwrap()).unwrap();
    assert_eq!((last.deal.unwrap(), events.last().unwrap().partner.as_str()), (won, "partners/acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_simultaneous_submissions_exactly_one_gets_the_customer() {
    let bench = Bench::new().await;
    for i in 0..16 {
        let partner = if i % 2 == 0 { "acme" } else { "other" };
        bench.deal(partner, &format!("d{i}"), if i % 3 == 0 { "www.Example.com" } else { "example.com" }).await;
    }
    let submissions = (0..16).map(|i| {
        let (bench, partner) = (&bench, if i % 2 == 0 { "acme" } else { "other" });
        async move { bench.submit(partner, &format!("deals/d{i}")).await.unwrap() }
    });
    let deals = join_all(submissions).await;
    let conflicted = deals.iter().filter(|d| d.registration_state() == State::Conflicted).count();
    assert_eq!(conflicted, 15);
    assert!(deals.iter().all(|d| d.submit_time.is_some()), "a submission counts whatever its outcome");
    let subjects = bench.deal_events().await;
    let count = |verb: &str| subjects.iter().filter(|s| *s == verb).count();
    assert_eq!((count("submitted"), count("conflicted")), (16, 15));
}

#[tokio::test]
async fn the_loser_learns_nothing_and_gets_its_turn() {
    let bench = Bench::new().await;
    bench.deal("acme", "first", "example.com").await;
    bench.deal("other", "second", "example.com").await;
    bench.submit("acme", "deals/first").await.unwrap();
    let loser = bench.submit("other", "deals/second").await.unwrap();
    assert_eq!(loser.registration_state(), State::Conflicted);
    let answer = stoa_proto::json::to_value(&loser).unwrap().to_string();
    assert!(!answer.contains("acme") && !answer.contains("first"), "{answer}");

    let withdraw = WithdrawDealRegistrationRequest { name: "deals/first".into(), ..Default::default() };
    bench.api.withdraw_deal_registration(bench.as_partner("acme", withdraw)).await.unwrap();
    assert_eq!(bench.submit("other", "deals/second").await.unwrap().registration_state(), State::Submitted);
}

#[tokio::test]
async fn a_customer_is_free_again_at_the_instant_its_protection_ends() {
    let bench = Bench::new().await;
    bench.deal("acme", "first", "example.com").await;
    bench.deal("other", "second", "example.com").await;
    bench.submit("acme", "deals/first").await.unwrap();
    approve(&bench, "deals/first").await.unwrap();
    bench.handle.set(bench.now().plus_days(90).plus_micros(-1));
    assert_eq!(bench.submit("other", "deals/second").await.unwrap().registration_state(), State::Conflicted);
    bench.handle.set(bench.now().plus_micros(1));
    assert_eq!(bench.submit("other", "deals/second").await.unwrap().registration_state(), State::Submitted);

    let extend = ExtendDealProtectionRequest { name: "deals/first".into(), days: 30, ..Default::default() };
    assert_eq!(reason(bench.api.extend_deal_protection(bench.as_vendor(extend)).await), "DEAL_CONFLICT");
}

#[tokio::test]
async fn a_registration_expires_at_its_due_instant_whenever_the_sweep_runs() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    bench.submit("acme", "deals/d").await.unwrap();
    let due = bench.now().plus_days(30);
    bench.pass_days(33);
    assert_eq!(reason(approve(&bench, "deals/d").await), "STATE_INVALID");
    let job = expiry_job(&bench.api.deps);
    assert_eq!((bench.run(&job).await, bench.run(&job).await), (1, 0));
    let events = bench.events().await;
    let last = events.last().unwrap();
    assert_eq!((last.subject.as_str(), occurred(last)), ("sell.deal.expired", due));
}

#[tokio::test]
async fn each_reminder_is_recorded_once_at_its_instant() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    bench.submit("acme", "deals/d").await.unwrap();
    approve(&bench, "deals/d").await.unwrap();
    let end = bench.now().plus_days(90);
    let job = reminder_job(&bench.api.deps);
    bench.pass_days(75);
    assert_eq!(bench.run(&job).await, 0);
    bench.pass_days(10);
    assert_eq!((bench.run(&job).await, bench.run(&job).await), (2, 0), "14 and 7 days before the end have passed");
    bench.pass_days(10);
    assert_eq!((bench.run(&job).await, bench.run(&job).await), (1, 0));
    let events = bench.events().await;
    let due: Vec<Timestamp> = events.iter().filter(|e| e.subject == "sell.deal.protection_due").map(occurred).collect();
    assert_eq!(due, [14, 7, 1].map(|days| end.plus_days(-days)));
}

#[tokio::test]
async fn another_partners_deal_does_not_exist() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let get = |partner| bench.api.get_deal(bench.as_partner(partner, GetDealRequest { name: "deals/d".into() }));
    assert!(get("acme").await.is_ok());
    assert_eq!(reason(get("other").await), "NOT_FOUND");
    assert_eq!(reason(bench.submit("other", "deals/d").await), "NOT_FOUND");
    let update = UpdateDealRequest { deal: Some(Deal { name: "deals/d".into(), ..Default::default() }), ..Default::default() };
    assert_eq!(reason(bench.api.update_deal(bench.as_partner("other", update)).await), "NOT_FOUND");
    assert!(list(&bench, "other", "").await.is_empty());

    bench.deal("below", "e", "example.org").await;
    assert_eq!(list(&bench, "acme", "").await, ["deals/d", "deals/e"], "a distributor sees what its program lets it see");
    let lose = LoseDealRequest { name: "deals/e".into(), reason: "x".into(), ..Default::default() };
    assert_eq!(reason(bench.api.lose_deal(bench.as_partner("acme", lose)).await), "SCOPE_EXCEEDED", "and writes only its own");
}

#[tokio::test]
async fn a_partner_acts_for_itself_and_decides_nothing() {
    let bench = Bench::new().await;
    let create = |partner: &str, credits: Vec<Credit>| CreateDealRequest {
        deal: Some(Deal { partner: partner.into(), credits, ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(reason(bench.api.create_deal(bench.as_partner("below", create("partners/acme", vec![]))).await), "UNAVAILABLE");
    // A partner that is not visible is like one that does not exist.
    assert_eq!(reason(bench.api.create_deal(bench.as_partner("below", create("partners/nobody", vec![]))).await), "UNAVAILABLE");
    assert_eq!(reason(bench.api.create_deal(bench.as_partner("acme", create("partners/below", vec![]))).await), "SCOPE_EXCEEDED");
    let gift = vec![Credit { partner: "partners/below".into(), share_basis_points: 1 }];
    assert_eq!(reason(bench.api.create_deal(bench.as_partner("acme", create("", gift))).await), "SCOPE_EXCEEDED");
    let unknown = vec![Credit { partner: "partners/nobody".into(), share_basis_points: 1 }];
    assert_eq!(reason(bench.api.create_deal(bench.as_vendor(create("", unknown))).await), "UNAVAILABLE", "only its owner could tell");

    bench.deal("acme", "d", "example.com").await;
    bench.submit("acme", "deals/d").await.unwrap();
    let approve = ApproveDealRegistrationRequest { name: "deals/d".into(), ..Default::default() };
    assert_eq!(reason(bench.api.approve_deal_registration(bench.as_partner("acme", approve)).await), "SCOPE_EXCEEDED");
    let win = WinDealRequest { name: "deals/d".into(), amount: usd(1), ..Default::default() };
    assert_eq!(reason(bench.api.win_deal(bench.as_partner("acme", win)).await), "SCOPE_EXCEEDED");
}

#[tokio::test]
async fn only_an_enrolled_and_authorized_partner_registers() {
    let bench = Bench::new().await;
    bench.deal("narrow", "n", "example.com").await;
    assert_eq!(reason(bench.submit("narrow", "deals/n").await), "PRODUCT_LINE_NOT_AUTHORIZED");
    bench.deal("below", "b", "example.com").await;
    let refused = reason(bench.submit("below", "deals/b").await);
    assert_eq!(refused, "UNAVAILABLE", "suspended in the local copy, but the owner has the last word and cannot be asked");
    assert_eq!(bench.deal_events().await, ["created", "created"], "a refusal changes nothing");
}

#[tokio::test]
async fn a_claimed_customer_is_fixed_and_a_stale_etag_is_refused() {
    let bench = Bench::new().await;
    let deal = bench.deal("acme", "d", "example.com").await;
    bench.submit("acme", "deals/d").await.unwrap();
    let update = |domain: &str, etag: &str| {
        let customer = Customer { display_name: "New name".into(), domain: domain.into(), ..Default::default() };
        let mask = prost_types::FieldMask { paths: vec!["customer".into()] };
        let deal = Deal { name: "deals/d".into(), customer: Some(customer), etag: etag.into(), ..Default::default() };
        bench.api.update_deal(bench.as_vendor(UpdateDealRequest { deal: Some(deal), update_mask: Some(mask), ..Default::default() }))
    };
    assert_eq!(reason(update("example.com", &deal.etag).await), "ETAG_MISMATCH");
    assert_eq!(reason(update("example.org", "").await), "STATE_INVALID");
    let named = update("example.com", "").await.unwrap().into_inner();
    assert_eq!(named.customer.unwrap().display_name, "New name", "what is no identifier may change");
}

#[tokio::test]
async fn credits_are_looked_up_only_if_the_update_is_about_them() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let credits = vec![Credit { partner: "partners/nobody".into(), share_basis_points: 10_000 }];
    let update = |paths: &[&str]| {
        let mask = prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
        let deal = Deal { name: "deals/d".into(), display_name: "New name".into(), credits: credits.clone(), ..Default::default() };
        bench.api.update_deal(bench.as_vendor(UpdateDealRequest { deal: Some(deal), update_mask: Some(mask), ..Default::default() }))
    };
    for paths in [["credits"].as_slice(), &["*"], &[]] {
        assert_eq!(reason(update(paths).await), "UNAVAILABLE", "{paths:?}: the partner is not known here, and its owner cannot be asked");
    }
    let named = update(&["display_name"]).await.unwrap().into_inner();
    assert_eq!((named.display_name.as_str(), named.credits[0].partner.as_str()), ("New name", "partners/acme"));
}

#[tokio::test]
async fn a_correction_is_a_fact_of_its_own() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let correct = |outcome: Stage, minor| {
        let request = CorrectDealRequest {
            name: "deals/d".into(),
            outcome: outcome.into(),
            amount: usd(minor),
            reason: "typo".into(),
            ..Default::default()
        };
        bench.api.correct_deal(bench.as_vendor(request))
    };
    assert_eq!(reason(correct(Stage::Won, 1).await), "STATE_INVALID", "an open deal is updated");
    let won = win(&bench, "deals/d", usd(500)).await.unwrap();
    bench.pass_days(5);
    let corrected = correct(Stage::Unspecified, 450).await.unwrap().into_inner();
    assert_eq!((corrected.win_time, corrected.amount.unwrap().minor_units), (won.win_time, 450));
    let link = &corrected.corrections[0];
    assert_eq!((link.corrected_version, link.amount_before.as_ref().unwrap().minor_units), (2, 500));
    let lost = correct(Stage::Lost, 450).await.unwrap().into_inner();
    assert_eq!((lost.pipeline_stage(), lost.win_time, lost.lose_time), (Stage::Lost, None, won.win_time));
    assert_eq!(bench.deal_events().await, ["created", "won", "corrected", "corrected"]);
}

#[tokio::test]
async fn a_retry_gets_the_first_answer() {
    let bench = Bench::new().await;
    let request = |name: &str| CreateDealRequest {
        deal: Some(Deal { display_name: name.into(), ..Default::default() }),
        request_id: "r".into(),
        ..Default::default()
    };
    let first = bench.api.create_deal(bench.as_partner("acme", request("a"))).await.unwrap().into_inner();
    assert_eq!(bench.api.create_deal(bench.as_partner("acme", request("a"))).await.unwrap().into_inner(), first);
    assert_eq!(reason(bench.api.create_deal(bench.as_partner("acme", request("b"))).await), "REQUEST_ID_REUSED");
    assert_eq!(bench.deal_events().await, ["created"]);
}

#[tokio::test]
async fn filters_pick_deals() {
    let bench = Bench::new().await;
    for (id, domain) in [("a", "example.com"), ("b", "www.Example.org"), ("c", "example.net")] {
        bench.deal("acme", id, domain).await;
    }
    bench.submit("acme", "deals/b").await.unwrap();
    win(&bench, "deals/c", usd(700)).await.unwrap();
    for (filter, expected) in [
        ("registration_state = \"SUBMITTED\"", vec!["deals/b"]),
        ("pipeline_stage = \"WON\"", vec!["deals/c"]),
        ("customer_domain = \"example.org\"", vec!["deals/b"]),
        ("amount_minor > 600", vec!["deals/c"]),
        ("partner = \"partners/acme\" AND product_line = \"productLines/gtx\" AND imported = false", vec!["deals/a", "deals/b", "deals/c"]),
        ("create_time > \"2030-01-01T00:00:00Z\"", vec![]),
    ] {
        assert_eq!(list(&bench, "acme", filter).await, expected, "{filter}");
    }
    let bad = ListDealsRequest { filter: "nonsense = 1".into(), ..Default::default() };
    assert_eq!(reason(bench.api.list_deals(bench.as_vendor(bad)).await), "FILTER_INVALID");
}
