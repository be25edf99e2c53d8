//! Guards of money and claims, through the API.

use prost_types::FieldMask;
use stoa_kernel::etag;
use stoa_proto::{
    common::v1::Money,
    onboard::v1::{Enrollment, EnrollmentStatus, EnrollmentSuspended},
    sell::v1::{
        ApproveDealRegistrationRequest, ConflictSource, CreateDealRequest, Credit, Customer, Deal, GetDealRequest, ListDealsRequest,
        LoseDealRequest, RegistrationState as State, RequestDealActionRequest, SubmitDealRegistrationRequest, UpdateDealRequest,
        WinDealRequest, WithdrawDealRegistrationRequest, deal_service_server::DealService,
    },
};

use crate::testing::{Bench, reason};

fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "USD".into() })
}

fn credit(partner: &str, share_basis_points: i32) -> Credit {
    Credit { partner: format!("partners/{partner}"), share_basis_points }
}

fn customer(domain: &str) -> Option<Customer> {
    Some(Customer { display_name: "Example".into(), domain: domain.into(), ..Default::default() })
}

fn update(deal: Deal, paths: &[&str]) -> UpdateDealRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let deal = Deal { name: "deals/d".into(), ..deal };
    UpdateDealRequest { deal: Some(deal), update_mask: Some(FieldMask { paths }), ..Default::default() }
}

async fn ask(bench: &Bench) -> Deal {
    let ask = RequestDealActionRequest { name: "deals/d".into(), required_action: "say more".into(), ..Default::default() };
    bench.api.request_deal_action(bench.as_vendor(ask)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_partner_does_not_change_what_was_submitted() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let amount = |minor| update(Deal { amount: usd(minor), ..Default::default() }, &["amount"]);
    bench.api.update_deal(bench.as_partner("acme", amount(500))).await.unwrap();
    bench.submit("acme", "deals/d").await.unwrap();
    let named = update(Deal { customer: customer("www.example.com"), ..Default::default() }, &["customer"]);
    let shares = update(Deal { credits: vec![credit("acme", 1)], ..Default::default() }, &["credits"]);
    let close_date = update(Deal { close_date: "2024-01-01".into(), ..Default::default() }, &["close_date"]);
    for request in [amount(900), named, shares] {
        assert_eq!(reason(bench.api.update_deal(bench.as_partner("acme", request)).await), "STATE_INVALID");
    }
    assert!(bench.api.update_deal(bench.as_partner("acme", close_date)).await.is_ok());
    ask(&bench).await;
    bench.api.update_deal(bench.as_partner("acme", amount(600))).await.unwrap();
    bench.submit("acme", "deals/d").await.unwrap();
    let approve = ApproveDealRegistrationRequest { name: "deals/d".into(), ..Default::default() };
    bench.api.approve_deal_registration(bench.as_vendor(approve)).await.unwrap();

    assert_eq!(reason(bench.api.update_deal(bench.as_partner("acme", amount(900))).await), "STATE_INVALID");
    let win = || WinDealRequest { name: "deals/d".into(), ..Default::default() };
    assert_eq!(reason(bench.api.win_deal(bench.as_partner("acme", win())).await), "SCOPE_EXCEEDED");
    let won = bench.api.win_deal(bench.as_vendor(win())).await.unwrap().into_inner();
    assert_eq!(won.amount, usd(600), "what the vendor saw and approved");
}

#[tokio::test]
async fn only_the_vendor_changes_credits_of_others() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let split = vec![credit("acme", 4000), credit("other", 6000)];
    let shares = |credits: Vec<Credit>| update(Deal { credits, ..Default::default() }, &["credits"]);
    bench.api.update_deal(bench.as_vendor(shares(split.clone()))).await.unwrap();
    for credits in [vec![credit("acme", 10_000)], vec![]] {
        assert_eq!(reason(bench.api.update_deal(bench.as_partner("acme", shares(credits))).await), "SCOPE_EXCEEDED");
    }
    let unmasked = UpdateDealRequest {
        deal: Some(Deal { name: "deals/d".into(), display_name: "Named".into(), ..Default::default() }),
        ..Default::default()
    };
    let named = bench.api.update_deal(bench.as_partner("acme", unmasked)).await.unwrap().into_inner();
    assert_eq!((named.credits, named.display_name.as_str()), (split, "Named"), "an update that gives no credits changes none");
    let back = bench.api.update_deal(bench.as_vendor(shares(vec![]))).await.unwrap().into_inner();
    assert_eq!(back.credits, [credit("acme", 10_000)]);
    assert!(bench.api.update_deal(bench.as_partner("acme", shares(vec![credit("acme", 5000)]))).await.is_ok());
}

/// Only its owner could tell whether the partner exists, and it cannot be reached.
#[tokio::test]
async fn credits_are_looked_up_only_if_the_mask_covers_them() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let deal = || Deal { display_name: "Named".into(), credits: vec![credit("nobody", 1)], ..Default::default() };
    let named = bench.api.update_deal(bench.as_vendor(update(deal(), &["display_name"]))).await.unwrap().into_inner();
    assert_eq!((named.display_name.as_str(), named.credits), ("Named", vec![credit("acme", 10_000)]));
    for paths in [&["credits"][..], &["display_name", "credits"], &["*"], &[]] {
        assert_eq!(reason(bench.api.update_deal(bench.as_vendor(update(deal(), paths))).await), "UNAVAILABLE", "{paths:?}");
    }
    let unmasked = UpdateDealRequest { deal: Some(Deal { name: "deals/d".into(), ..deal() }), ..Default::default() };
    assert_eq!(reason(bench.api.update_deal(bench.as_vendor(unmasked)).await), "UNAVAILABLE");
}

#[tokio::test]
async fn direct_sales_hold_their_customers_too() {
    let bench = Bench::new().await;
    let create = |id: &str, deal: Deal| CreateDealRequest { deal_id: id.into(), deal: Some(deal), ..Default::default() };
    let direct = Deal { product_line: "productLines/gtx".into(), customer: customer("example.com"), ..Default::default() };
    bench.api.create_deal(bench.as_vendor(create("direct", direct))).await.unwrap();
    bench.deal("acme", "d", "www.example.com").await;
    bench.deal("acme", "elsewhere", "example.org").await;
    let submitted = bench.submit("acme", "deals/d").await.unwrap();
    assert_eq!((submitted.registration_state(), submitted.conflict_source()), (State::Conflicted, ConflictSource::DirectSales));
    assert_eq!(bench.submit("acme", "deals/elsewhere").await.unwrap().registration_state(), State::Submitted);

    // The direct deal's customer turns out to be a different one.
    let moved = UpdateDealRequest {
        deal: Some(Deal { name: "deals/direct".into(), customer: customer("example.net"), ..Default::default() }),
        ..Default::default()
    };
    bench.api.update_deal(bench.as_vendor(moved)).await.unwrap();
    assert_eq!(bench.submit("acme", "deals/d").await.unwrap().conflict_source(), ConflictSource::Unspecified);
    bench.deal("other", "late", "example.net").await;
    assert_eq!(bench.submit("other", "deals/late").await.unwrap().registration_state(), State::Conflicted);
    let lose = LoseDealRequest { name: "deals/direct".into(), reason: "price".into(), ..Default::default() };
    bench.api.lose_deal(bench.as_vendor(lose)).await.unwrap();
    assert_eq!(bench.submit("other", "deals/late").await.unwrap().registration_state(), State::Submitted);
}

#[tokio::test]
async fn only_the_vendor_says_what_a_direct_account_is() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let flagged = |direct_account| {
        let customer = customer("example.com").map(|customer| Customer { direct_account, ..customer });
        update(Deal { customer, ..Default::default() }, &["customer"])
    };
    let mine = bench.api.update_deal(bench.as_partner("acme", flagged(true))).await.unwrap().into_inner();
    assert!(!mine.customer.unwrap().direct_account);
    bench.api.update_deal(bench.as_vendor(flagged(true))).await.unwrap();
    let mine = bench.api.update_deal(bench.as_partner("acme", flagged(false))).await.unwrap().into_inner();
    assert!(mine.customer.unwrap().direct_account);
    let submitted = bench.submit("acme", "deals/d").await.unwrap();
    assert_eq!((submitted.registration_state(), submitted.conflict_source()), (State::Conflicted, ConflictSource::DirectSales));
    bench.api.update_deal(bench.as_vendor(flagged(false))).await.unwrap();
    assert_eq!(bench.submit("acme", "deals/d").await.unwrap().registration_state(), State::Submitted, "the customer chose the partner");
}

#[tokio::test]
async fn the_claim_follows_a_customer_that_is_changed_on_request() {
    let bench = Bench::new().await;
    for (partner, id, domain) in [("acme", "d", "old.com"), ("other", "new", "new.com"), ("other", "old", "old.com")] {
        bench.deal(partner, id, domain).await;
    }
    bench.submit("acme", "deals/d").await.unwrap();
    ask(&bench).await;
    let moved = |domain: &str| update(Deal { customer: customer(domain), ..Default::default() }, &["customer"]);
    let deal = bench.api.update_deal(bench.as_partner("acme", moved("new.com"))).await.unwrap().into_inner();
    assert_eq!(deal.registration_state(), State::ActionRequired);
    assert_eq!(bench.submit("other", "deals/new").await.unwrap().registration_state(), State::Conflicted, "the new customer is held");
    assert_eq!(bench.submit("other", "deals/old").await.unwrap().registration_state(), State::Submitted, "the old one is free");
    let deal = bench.api.update_deal(bench.as_partner("acme", moved("old.com"))).await.unwrap().into_inner();
    assert_eq!((deal.registration_state(), deal.conflict_source()), (State::Conflicted, ConflictSource::Registration));
    assert_eq!(bench.submit("other", "deals/new").await.unwrap().registration_state(), State::Submitted);
    assert_eq!(bench.deal_events().await.iter().filter(|verb| *verb == "conflicted").count(), 2);
}

#[tokio::test]
async fn answers_and_filters_do_not_wait_for_the_sweep() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    bench.submit("acme", "deals/d").await.unwrap();
    let asked = ask(&bench).await;
    bench.pass_days(30);
    let get = || bench.api.get_deal(bench.as_vendor(GetDealRequest { name: "deals/d".into() }));
    let deal = get().await.unwrap().into_inner();
    assert_eq!((deal.registration_state(), deal.required_action.as_str(), deal.decide_due_time), (State::Expired, "", None));
    assert_eq!(deal.etag, asked.etag, "the version is the stored one");
    for (state, count) in [("ACTION_REQUIRED", 0), ("EXPIRED", 1)] {
        let request = ListDealsRequest { filter: format!("registration_state = \"{state}\""), ..Default::default() };
        let deals = bench.api.list_deals(bench.as_vendor(request)).await.unwrap().into_inner().deals;
        assert_eq!(deals.len(), count, "{state}");
        assert!(deals.iter().all(|deal| deal.registration_state() == State::Expired));
    }
    let close_date = update(Deal { close_date: "2024-01-01".into(), ..Default::default() }, &["close_date"]);
    let changed = bench.api.update_deal(bench.as_vendor(close_date)).await.unwrap().into_inner();
    assert_eq!(changed.registration_state(), State::Expired);
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_whatever_has_changed_since() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    let submit = |id: &str| SubmitDealRegistrationRequest { name: "deals/d".into(), request_id: id.into(), ..Default::default() };
    let first = bench.api.submit_deal_registration(bench.as_partner("acme", submit("r"))).await.unwrap().into_inner();
    let mut enrollment =
        Enrollment { name: "enrollments/acme".into(), partner: "partners/acme".into(), etag: etag::of_version(2), ..Enrollment::default() };
    enrollment.set_status(EnrollmentStatus::Suspended);
    let event = stoa_events::Event {
        tenant: "t".into(),
        subject: "onboard.enrollment.suspended".into(),
        data: prost::Message::encode_to_vec(&EnrollmentSuspended { enrollment: Some(enrollment) }),
        ..Default::default()
    };
    bench.deliver(&stoa_directory::subscriptions().remove(0), event).await.unwrap();
    let again = bench.api.submit_deal_registration(bench.as_partner("acme", submit("r"))).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(
        reason(bench.api.submit_deal_registration(bench.as_partner("acme", submit("s"))).await),
        "UNAVAILABLE",
        "only its owner could tell"
    );
    assert_eq!(bench.deal_events().await, ["created", "submitted"]);
}

#[tokio::test]
async fn a_cam_writes_only_for_assigned_partners() {
    let bench = Bench::new().await;
    bench.deal("acme", "d", "example.com").await;
    bench.deal("other", "e", "example.org").await;
    let withdraw = |name: &str| WithdrawDealRegistrationRequest { name: name.into(), ..Default::default() };
    bench.submit("acme", "deals/d").await.unwrap();
    bench.submit("other", "deals/e").await.unwrap();
    let refused = bench.api.withdraw_deal_registration(bench.as_cam("cam1", withdraw("deals/e"))).await;
    assert_eq!(reason(refused), "PARTNER_NOT_ASSIGNED");
    assert!(bench.api.withdraw_deal_registration(bench.as_cam("cam1", withdraw("deals/d"))).await.is_ok());
    let create =
        |partner: &str| CreateDealRequest { deal: Some(Deal { partner: partner.into(), ..Default::default() }), ..Default::default() };
    for partner in ["partners/other", ""] {
        assert_eq!(reason(bench.api.create_deal(bench.as_cam("cam1", create(partner))).await), "PARTNER_NOT_ASSIGNED");
    }
    assert!(bench.api.create_deal(bench.as_cam("cam1", create("partners/acme"))).await.is_ok());
}
