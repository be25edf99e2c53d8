//! Who may do what, and what happens to repeated requests.

use super::*;

#[tokio::test]
async fn every_caller_sees_and_changes_only_its_own() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.claim("c", "r", usd(1_000)).await.unwrap();
    let get = || GetMdfClaimRequest { name: claim("c") };
    assert!(bench.api.get_mdf_claim(bench.as_partner("acme", get())).await.is_ok());
    let foreign = bench.api.get_mdf_claim(bench.as_partner("other", get())).await.unwrap_err();
    let missing = bench.api.get_mdf_claim(bench.as_partner("other", GetMdfClaimRequest { name: claim("x") })).await.unwrap_err();
    assert_eq!(foreign.code(), tonic::Code::NotFound);
    assert_eq!(foreign.message().replace(&claim("c"), &claim("x")), missing.message());
    assert_eq!(bench.api.get_mdf_claim(bench.as_stranger(get())).await.unwrap_err().code(), tonic::Code::NotFound);

    let submit = || SubmitMdfClaimRequest { name: claim("c"), ..Default::default() };
    assert_eq!(reason(bench.api.submit_mdf_claim(bench.as_partner("other", submit())).await), "NOT_FOUND");
    let approve = ApproveMdfRequestRequest { name: request("r"), ..Default::default() };
    assert_eq!(reason(bench.api.approve_mdf_request(bench.as_partner("acme", approve)).await), "SCOPE_EXCEEDED");
    let pay = PayMdfClaimRequest { name: claim("c"), ..Default::default() };
    assert_eq!(reason(bench.api.pay_mdf_claim(bench.as_partner("acme", pay)).await), "SCOPE_EXCEEDED");

    let budget = || GetMdfBudgetRequest { name: "mdfBudgets/b".into() };
    assert_eq!(reason(bench.api.get_mdf_budget(bench.as_partner("acme", budget())).await), "NOT_FOUND");
    let budgets = bench.api.list_mdf_budgets(bench.as_partner("acme", ListMdfBudgetsRequest::default())).await.unwrap().into_inner();
    assert!(budgets.mdf_budgets.is_empty());
    let list = || ListMdfRequestsRequest { filter: "state = APPROVED AND partner = \"partners/acme\"".into(), ..Default::default() };
    assert_eq!(bench.api.list_mdf_requests(bench.as_vendor(list())).await.unwrap().into_inner().mdf_requests.len(), 1);
    assert_eq!(bench.api.list_mdf_requests(bench.as_partner("other", list())).await.unwrap().into_inner().mdf_requests.len(), 0);
    let list = ListMdfClaimsRequest { filter: "state = PAID".into(), ..Default::default() };
    assert_eq!(bench.api.list_mdf_claims(bench.as_vendor(list)).await.unwrap().into_inner().mdf_claims.len(), 0);
    let mine = ListLedgerTransactionsRequest::default();
    let own = bench.api.list_ledger_transactions(bench.as_partner("acme", mine.clone())).await.unwrap().into_inner();
    assert_eq!(own.ledger_transactions.len(), 1, "the reservation, not the budget");
    assert!(bench.api.list_ledger_transactions(bench.as_partner("other", mine)).await.unwrap().into_inner().ledger_transactions.is_empty());
    let balance = GetTrialBalanceRequest { name: "trialBalance".into() };
    assert_eq!(reason(bench.api.get_trial_balance(bench.as_partner("acme", balance.clone())).await), "SCOPE_EXCEEDED");
    let theirs = bench.api.get_trial_balance(bench.as_stranger(balance)).await.unwrap().into_inner();
    assert_eq!((theirs.transaction_count, theirs.balanced), (0, true));
}

#[tokio::test]
async fn a_distributor_sees_what_is_below_it_but_changes_nothing_there() {
    let bench = Bench::new().await;
    let input = MdfRequest {
        display_name: "Below".into(),
        amount: usd(100),
        usage_start_date: "2026-03-01".into(),
        usage_end_date: "2026-03-01".into(),
        ..Default::default()
    };
    let create = CreateMdfRequestRequest { mdf_request: Some(input), ..Default::default() };
    let name = bench.api.create_mdf_request(bench.as_partner("below", create.clone())).await.unwrap().into_inner().name;
    assert!(bench.api.get_mdf_request(bench.as_partner("acme", GetMdfRequestRequest { name: name.clone() })).await.is_ok());
    assert_eq!(reason(bench.submit(names::last(&name)).await), "SCOPE_EXCEEDED");
    let mut for_other = create;
    for_other.mdf_request.as_mut().unwrap().partner = "partners/other".into();
    assert_eq!(reason(bench.api.create_mdf_request(bench.as_partner("acme", for_other)).await), "SCOPE_EXCEEDED");
}

#[tokio::test]
async fn a_cam_acts_for_the_partners_that_are_assigned_to_it() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.claim("c", "r", usd(1_000)).await.unwrap();
    let start = || StartMdfRequestRequest { name: request("r"), ..Default::default() };
    let submit = || SubmitMdfClaimRequest { name: claim("c"), ..Default::default() };
    let draft = || CreateMdfClaimRequest {
        mdf_claim: Some(MdfClaim { mdf_request: request("r"), amount: usd(1), ..Default::default() }),
        ..Default::default()
    };
    let of_other = MdfRequest { partner: "partners/other".into(), display_name: "x".into(), amount: usd(1), ..Default::default() };
    let create = CreateMdfRequestRequest { mdf_request: Some(of_other), ..Default::default() };
    assert_eq!(reason(bench.api.start_mdf_request(bench.as_cam("stranger", start())).await), "PARTNER_NOT_ASSIGNED");
    assert_eq!(reason(bench.api.submit_mdf_claim(bench.as_cam("stranger", submit())).await), "PARTNER_NOT_ASSIGNED");
    assert_eq!(reason(bench.api.create_mdf_claim(bench.as_cam("stranger", draft())).await), "PARTNER_NOT_ASSIGNED");
    assert_eq!(reason(bench.api.create_mdf_request(bench.as_cam("cam", create)).await), "PARTNER_NOT_ASSIGNED");
    bench.api.start_mdf_request(bench.as_cam("cam", start())).await.unwrap();
    bench.api.submit_mdf_claim(bench.as_cam("cam", submit())).await.unwrap();
    bench.api.create_mdf_claim(bench.as_cam("cam", draft())).await.unwrap();
}

#[tokio::test]
async fn only_an_enrolled_partner_creates_requests_and_a_retry_gets_its_first_answer() {
    let bench = Bench::new().await;
    let create = |request_id: &str| {
        let input = MdfRequest {
            display_name: "Road show".into(),
            amount: usd(100),
            usage_start_date: "2026-03-01".into(),
            usage_end_date: "2026-03-31".into(),
            ..Default::default()
        };
        CreateMdfRequestRequest { mdf_request: Some(input), request_id: request_id.into(), ..Default::default() }
    };
    assert_eq!(reason(bench.api.create_mdf_request(bench.as_partner("idle", create(""))).await), NOT_ENROLLED);
    let first = bench.api.create_mdf_request(bench.as_partner("acme", create("once"))).await.unwrap().into_inner();
    let mut suspended = enrollment("acme", 2, "gold", Timestamp::default());
    suspended.set_status(EnrollmentStatus::Suspended);
    bench.enrollment(suspended, bench.now()).await.unwrap();
    assert_eq!(bench.api.create_mdf_request(bench.as_partner("acme", create("once"))).await.unwrap().into_inner(), first);
    assert_eq!(reason(bench.api.create_mdf_request(bench.as_partner("acme", create("twice"))).await), NOT_ENROLLED);
}

#[tokio::test]
async fn retries_and_stale_writers_change_nothing() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.claim("c", "r", usd(1_000)).await.unwrap();
    let submitted = bench.submit_claim("c").await.unwrap();
    let approve = |etag: &str, minor| ApproveMdfClaimRequest {
        name: claim("c"),
        amount: usd(minor),
        etag: etag.into(),
        request_id: "once".into(),
        ..Default::default()
    };
    assert_eq!(reason(bench.api.approve_mdf_claim(bench.as_vendor(approve("\"1\"", 1_000))).await), "ETAG_MISMATCH");
    let first = bench.api.approve_mdf_claim(bench.as_vendor(approve(&submitted.etag, 1_000))).await.unwrap().into_inner();
    let again = bench.api.approve_mdf_claim(bench.as_vendor(approve(&submitted.etag, 1_000))).await.unwrap().into_inner();
    assert_eq!((first.state(), &first), (MdfClaimState::Approved, &again));
    assert_eq!(reason(bench.api.approve_mdf_claim(bench.as_vendor(approve(&submitted.etag, 900))).await), "REQUEST_ID_REUSED");
    bench.proven().await;
}
