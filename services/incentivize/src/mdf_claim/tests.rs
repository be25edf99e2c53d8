//! From a request to a paid claim, through the API, on a store.

mod callers;

use stoa_events::Event;
use stoa_kernel::{Clock, Cx, Timestamp, names};
use stoa_proto::{
    incentivize::v1::{
        ApproveMdfClaimRequest, ApproveMdfRequestRequest, CancelMdfRequestRequest, CreateMdfClaimRequest, CreateMdfRequestRequest,
        GetMdfBudgetRequest, GetMdfClaimRequest, GetMdfRequestRequest, GetTrialBalanceRequest, LedgerTransactionKind as Kind,
        ListLedgerTransactionsRequest, ListMdfBudgetsRequest, ListMdfClaimsRequest, ListMdfRequestsRequest, MdfBudget, MdfClaim,
        MdfClaimState, MdfRequest, MdfRequestState, PayMdfClaimRequest, RejectMdfClaimRequest, StartMdfRequestRequest,
        SubmitMdfClaimRequest, SubmitMdfRequestRequest, ledger_service_server::LedgerService, mdf_budget_service_server::MdfBudgetService,
        mdf_claim_service_server::MdfClaimService, mdf_request_service_server::MdfRequestService,
    },
    onboard::v1::EnrollmentStatus,
};
use tonic::Status;

use super::{approved, paid, rejected, submitted};
use crate::testing::{Bench, NOT_ENROLLED, enrollment, occurred, reason, usd};

fn request(id: &str) -> String {
    names::name("mdfRequests", id)
}

fn claim(id: &str) -> String {
    names::name("mdfClaims", id)
}

impl Bench {
    async fn submit(&self, id: &str) -> Result<MdfRequest, Status> {
        let message = SubmitMdfRequestRequest { name: request(id), ..Default::default() };
        self.api.submit_mdf_request(self.as_partner("acme", message)).await.map(tonic::Response::into_inner)
    }

    async fn approve(&self, id: &str, budget: &str, minor: i64) -> Result<MdfRequest, Status> {
        let budget = if budget.is_empty() { String::new() } else { names::name("mdfBudgets", budget) };
        let message = ApproveMdfRequestRequest { name: request(id), amount: usd(minor), mdf_budget: budget, ..Default::default() };
        self.api.approve_mdf_request(self.as_vendor(message)).await.map(tonic::Response::into_inner)
    }

    async fn submit_claim(&self, id: &str) -> Result<MdfClaim, Status> {
        let message = SubmitMdfClaimRequest { name: claim(id), ..Default::default() };
        self.api.submit_mdf_claim(self.as_partner("acme", message)).await.map(tonic::Response::into_inner)
    }

    async fn approve_claim(&self, id: &str, minor: i64) -> Result<MdfClaim, Status> {
        let message = ApproveMdfClaimRequest { name: claim(id), amount: usd(minor), ..Default::default() };
        self.api.approve_mdf_claim(self.as_vendor(message)).await.map(tonic::Response::into_inner)
    }

    async fn pay(&self, id: &str) -> Result<MdfClaim, Status> {
        let message = PayMdfClaimRequest { name: claim(id), payment_reference: "T-1".into(), ..Default::default() };
        self.api.pay_mdf_claim(self.as_vendor(message)).await.map(tonic::Response::into_inner)
    }

    /// Creates an approved request of 100.00 on a budget of 1000.00.
    async fn approved(&self) -> MdfRequest {
        self.budget("b", 100_000).await;
        self.draft("r", usd(12_000)).await.unwrap();
        self.submit("r").await.unwrap();
        self.approve("r", "b", 10_000).await.unwrap()
    }

    async fn request_now(&self, id: &str) -> MdfRequest {
        let message = GetMdfRequestRequest { name: request(id) };
        self.api.get_mdf_request(self.as_vendor(message)).await.unwrap().into_inner()
    }

    async fn budget_now(&self) -> MdfBudget {
        let message = GetMdfBudgetRequest { name: "mdfBudgets/b".into() };
        self.api.get_mdf_budget(self.as_vendor(message)).await.unwrap().into_inner()
    }

    async fn proven(&self) {
        let books = self.books().await;
        assert!(books.balanced, "{:?}", books.findings);
        assert!(books.sums.iter().all(|sum| sum.minor_units == 0));
    }
}

/// All states, and where submitting, approving, rejecting and paying leads from
/// each; `None` if it is refused. Written out, so that the table does not ask
/// the rules that it tests.
const TABLE: [(MdfClaimState, [Option<MdfClaimState>; 4]); 5] = {
    const NO: Option<MdfClaimState> = None;
    [
        (MdfClaimState::Draft, [Some(MdfClaimState::Submitted), NO, NO, NO]),
        (MdfClaimState::Submitted, [NO, Some(MdfClaimState::Approved), Some(MdfClaimState::Rejected), NO]),
        (MdfClaimState::Approved, [NO, NO, NO, Some(MdfClaimState::Paid)]),
        (MdfClaimState::Paid, [NO; 4]),
        (MdfClaimState::Rejected, [NO; 4]),
    ]
};

#[test]
fn every_state_and_command_is_in_the_table() {
    let (clock, _) = Clock::driven("2026-02-01".parse().unwrap());
    let cx = Cx::service("t", "incentivize", &clock, "");
    for (state, row) in TABLE {
        let proof_references = vec!["invoices/1".to_owned()];
        let mut claim = MdfClaim { name: claim("c"), amount: usd(100), approved_amount: usd(100), proof_references, ..Default::default() };
        claim.set_state(state);
        let results = [
            submitted(&claim, &[], &cx),
            approved(&claim, None, "", &cx).map(|(next, _)| next),
            rejected(&claim, "no", &cx).map(|(next, _)| next),
            paid(&claim, "T-1", &cx).map(|(next, _)| next),
        ];
        for (command, (result, wanted)) in ["submit", "approve", "reject", "pay"].iter().zip(results.into_iter().zip(row)) {
            match (result, wanted) {
                (Ok(next), Some(to)) => assert_eq!(next.state(), to, "{state:?} {command}"),
                (Err(error), None) => assert_eq!(error.reason(), "STATE_INVALID", "{state:?} {command}"),
                (result, wanted) => panic!("{state:?} {command} gives {result:?}, not {wanted:?}"),
            }
        }
    }
    let all: Vec<i32> = TABLE.iter().map(|(state, _)| *state as i32).collect();
    assert_eq!(all, (1..=5).collect::<Vec<_>>(), "no state is left out");
    assert!(MdfClaimState::try_from(6).is_err(), "a new state has a row");
}

#[tokio::test]
async fn a_claim_is_submitted_with_a_proof() {
    let bench = Bench::new().await;
    bench.approved().await;
    let draft = MdfClaim { mdf_request: request("r"), amount: usd(1_000), proof_references: vec![" ".into()], ..Default::default() };
    let create = CreateMdfClaimRequest { mdf_claim_id: "c".into(), mdf_claim: Some(draft), ..Default::default() };
    bench.api.create_mdf_claim(bench.as_vendor(create)).await.unwrap();
    assert_eq!(reason(bench.submit_claim("c").await), "PROOF_MISSING");
    let with = SubmitMdfClaimRequest { name: claim("c"), proof_references: vec!["invoices/7".into()], ..Default::default() };
    let submitted = bench.api.submit_mdf_claim(bench.as_partner("acme", with)).await.unwrap().into_inner();
    assert_eq!(
        (submitted.state(), submitted.proof_references.as_slice()),
        (MdfClaimState::Submitted, ["invoices/7".to_owned()].as_slice())
    );
}

#[tokio::test]
async fn an_expiry_is_seen_before_it_is_recorded() {
    let bench = Bench::new().await;
    let before = bench.approved().await;
    let listed = async |filter: &str| {
        let message = ListMdfRequestsRequest { filter: filter.into(), ..Default::default() };
        bench.api.list_mdf_requests(bench.as_vendor(message)).await.unwrap().into_inner().mdf_requests
    };
    let deadline: Timestamp = "2026-05-16".parse().unwrap();
    bench.handle.set(deadline.plus_micros(-1));
    assert_eq!((listed("state = APPROVED").await.len(), listed("state = EXPIRED").await.len()), (1, 0));
    bench.handle.set(deadline);
    let shown = bench.request_now("r").await;
    assert_eq!((shown.state(), &shown.released_amount, &shown.etag), (MdfRequestState::Expired, &usd(10_000), &before.etag));
    assert_eq!((listed("state = APPROVED").await, listed("state = EXPIRED").await), (Vec::new(), vec![shown.clone()]));
    bench.run(&crate::mdf_request::expiry_job(&bench.deps)).await;
    let recorded = bench.request_now("r").await;
    assert_eq!((recorded.state(), recorded.released_amount, recorded.end_time), (MdfRequestState::Expired, usd(10_000), shown.end_time));
    assert_eq!((listed("state = APPROVED").await.len(), listed("state = EXPIRED").await.len()), (0, 1));
}

#[tokio::test]
async fn an_expiry_that_a_command_finds_is_recorded_as_the_services_own_act() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.claim("c", "r", usd(1_000)).await.unwrap();
    bench.submit_claim("c").await.unwrap();
    bench.handle.set("2026-05-17".parse().unwrap());
    bench.approve_claim("c", 500).await.unwrap();
    let events = bench.events().await;
    let actor =
        |subject: &str| events.iter().find(|e| e.subject == format!("incentivize.{subject}")).map(|e| (e.actor.as_str(), occurred(e)));
    assert_eq!(actor("mdf_request.expired"), Some(("services/incentivize", "2026-05-16".parse().unwrap())));
    assert_eq!(actor("mdf_claim.approved"), Some(("persons/caller", bench.now())));
}

#[tokio::test]
async fn from_request_to_paid_claim() {
    let bench = Bench::new().await;
    let approved = bench.approved().await;
    assert_eq!((approved.partner.as_str(), approved.state()), ("partners/acme", MdfRequestState::Approved));
    assert_eq!(bench.budget_now().await.committed_amount, usd(10_000));
    let start = StartMdfRequestRequest { name: request("r"), ..Default::default() };
    bench.api.start_mdf_request(bench.as_partner("acme", start)).await.unwrap();

    bench.claim("c1", "r", usd(7_000)).await.unwrap();
    bench.claim("c2", "r", usd(4_000)).await.unwrap();
    bench.submit_claim("c1").await.unwrap();
    assert_eq!(reason(bench.submit_claim("c2").await), "MDF_CLAIM_EXCEEDS_APPROVED");
    assert_eq!(reason(bench.approve_claim("c1", 7_001).await), "MDF_APPROVAL_EXCEEDS_REQUEST");
    bench.approve_claim("c1", 6_000).await.unwrap();
    assert_eq!(bench.request_now("r").await.claimed_amount, usd(6_000));
    assert_eq!(reason(bench.pay("c2").await), "STATE_INVALID");
    bench.pay("c1").await.unwrap();
    assert_eq!(reason(bench.pay("c1").await), "STATE_INVALID", "nothing is paid twice");
    bench.submit_claim("c2").await.unwrap();
    bench.approve_claim("c2", 4_000).await.unwrap();
    assert_eq!(bench.request_now("r").await.state(), MdfRequestState::InExecution);
    bench.pay("c2").await.unwrap();

    let done = bench.request_now("r").await;
    assert_eq!((done.state(), done.paid_amount), (MdfRequestState::Completed, usd(10_000)));
    bench.proven().await;
    let listed = bench.api.list_ledger_transactions(bench.as_vendor(Default::default())).await.unwrap().into_inner().ledger_transactions;
    let kinds: Vec<Kind> = listed.iter().map(|t| t.kind()).collect();
    for (kind, count) in [(Kind::MdfBudgetCreated, 1), (Kind::MdfReserved, 1), (Kind::MdfClaimApproved, 2), (Kind::MdfClaimPaid, 2)] {
        assert_eq!(kinds.iter().filter(|k| **k == kind).count(), count, "{kind:?}");
    }
    assert!(listed.iter().all(|t| t.post_date == "2026-02-01"));
}

#[tokio::test]
async fn a_budget_is_never_overdrawn() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.draft("q", usd(200_000)).await.unwrap();
    bench.submit("q").await.unwrap();
    assert_eq!(reason(bench.approve("q", "", 1).await), "MDF_BUDGET_MISSING");
    assert_eq!(reason(bench.approve("q", "none", 1).await), "REFERENCE_NOT_FOUND");
    assert_eq!(reason(bench.approve("q", "b", 90_001).await), "MDF_BUDGET_EXCEEDED");
    assert_eq!(reason(bench.approve("q", "b", -1).await), "INVALID_FIELD");
    assert_eq!(bench.request_now("q").await.state(), MdfRequestState::Submitted, "a refusal changes nothing");
    bench.approve("q", "b", 90_000).await.unwrap();
    bench.proven().await;
}

#[tokio::test]
async fn what_was_not_claimed_goes_back_at_the_deadline() {
    let bench = Bench::new().await;
    bench.approved().await;
    for (id, minor) in [("c1", 3_000), ("c2", 2_000), ("late", 1_000)] {
        bench.claim(id, "r", usd(minor)).await.unwrap();
    }
    bench.submit_claim("c1").await.unwrap();
    bench.submit_claim("c2").await.unwrap();
    let deadline: Timestamp = "2026-05-16".parse().unwrap();
    bench.handle.set(deadline);
    assert_eq!(reason(bench.submit_claim("late").await), "MDF_CLAIM_DEADLINE_PASSED");
    bench.pass_days(2);
    let job = crate::mdf_request::expiry_job(&bench.api.deps);
    assert_eq!(bench.run(&job).await, 1);
    assert_eq!(bench.run(&job).await, 0);
    let expired = bench.request_now("r").await;
    assert_eq!((expired.state(), expired.released_amount), (MdfRequestState::Expired, usd(5_000)));
    assert_eq!(bench.budget_now().await.committed_amount, usd(5_000));
    let event = bench.events().await.into_iter().find(|e| e.subject == "incentivize.mdf_request.expired").unwrap();
    assert_eq!(Timestamp::stored(event.occurred_time.as_ref()), Some(deadline));
    assert_eq!((event.actor.as_str(), event.partner.as_str()), ("services/incentivize", "partners/acme"));

    let reject = RejectMdfClaimRequest { name: claim("c1"), reason: "no proof".into(), ..Default::default() };
    bench.api.reject_mdf_claim(bench.as_vendor(reject)).await.unwrap();
    bench.approve_claim("c2", 1_500).await.unwrap();
    bench.pay("c2").await.unwrap();
    assert_eq!(bench.budget_now().await.committed_amount, usd(1_500));
    bench.proven().await;
}

#[tokio::test]
async fn a_due_release_counts_before_the_sweep() {
    let bench = Bench::new().await;
    bench.budget("b", 10_000).await;
    bench.draft("r", usd(10_000)).await.unwrap();
    bench.submit("r").await.unwrap();
    bench.approve("r", "b", 10_000).await.unwrap();
    bench.draft("q", usd(10_000)).await.unwrap();
    bench.submit("q").await.unwrap();
    assert_eq!(reason(bench.approve("q", "b", 1).await), "MDF_BUDGET_EXCEEDED");
    bench.handle.set("2026-05-16".parse().unwrap());
    // The draft for the same month is too late as well; one for June is not.
    assert_eq!(reason(bench.approve("q", "b", 1).await), "MDF_CLAIM_DEADLINE_PASSED");
    let june = MdfRequest {
        partner: "partners/acme".into(),
        display_name: "June".into(),
        amount: usd(10_000),
        usage_start_date: "2026-06-01".into(),
        usage_end_date: "2026-06-30".into(),
        ..Default::default()
    };
    let create = CreateMdfRequestRequest { mdf_request_id: "j".into(), mdf_request: Some(june), ..Default::default() };
    bench.api.create_mdf_request(bench.as_vendor(create)).await.unwrap();
    bench.submit("j").await.unwrap();
    bench.approve("j", "b", 10_000).await.unwrap();
    assert_eq!(bench.request_now("r").await.state(), MdfRequestState::Expired, "recorded by the command that needed it");
    bench.proven().await;
}

#[tokio::test]
async fn canceling_gives_back_what_is_not_paid() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.claim("c", "r", usd(1_000)).await.unwrap();
    bench.submit_claim("c").await.unwrap();
    let cancel = || CancelMdfRequestRequest { name: request("r"), reason: "changed plans".into(), ..Default::default() };
    assert_eq!(reason(bench.api.cancel_mdf_request(bench.as_partner("acme", cancel())).await), "MDF_CLAIMS_OPEN");
    bench.approve_claim("c", 1_000).await.unwrap();
    bench.pay("c").await.unwrap();
    bench.api.cancel_mdf_request(bench.as_partner("acme", cancel())).await.unwrap();
    assert_eq!(bench.budget_now().await.committed_amount, usd(1_000));
    bench.proven().await;
}

#[tokio::test]
async fn one_currency_runs_through_the_chain() {
    let bench = Bench::new().await;
    bench.approved().await;
    let eur = |minor_units| Some(stoa_proto::common::v1::Money { minor_units, currency_code: "EUR".into() });
    assert_eq!(reason(bench.claim("c", "r", eur(1)).await), "CURRENCY_MISMATCH");
    bench.draft("e", eur(100)).await.unwrap();
    bench.submit("e").await.unwrap();
    let approve = ApproveMdfRequestRequest { name: request("e"), mdf_budget: "mdfBudgets/b".into(), ..Default::default() };
    assert_eq!(reason(bench.api.approve_mdf_request(bench.as_vendor(approve)).await), "CURRENCY_MISMATCH");
    assert_eq!(reason(bench.draft("n", usd(-1)).await), "INVALID_FIELD");
    let unknown = Some(stoa_proto::common::v1::Money { minor_units: 1, currency_code: "QQQ".into() });
    assert_eq!(reason(bench.draft("n", unknown).await), "CURRENCY_UNKNOWN");
}

#[tokio::test]
async fn every_version_has_one_event() {
    let bench = Bench::new().await;
    bench.approved().await;
    bench.claim("c", "r", usd(10_000)).await.unwrap();
    bench.submit_claim("c").await.unwrap();
    bench.approve_claim("c", 10_000).await.unwrap();
    bench.pay("c").await.unwrap();
    let events = bench.events().await;
    let of = |aggregate: &str| -> Vec<(i64, String)> {
        let mine = events.iter().filter(|e: &&Event| e.aggregate == aggregate);
        mine.map(|e| (e.version, e.subject.rsplit('.').next().unwrap().to_owned())).collect()
    };
    let expected = |facts: &[&str]| -> Vec<(i64, String)> { (1..).zip(facts.iter().map(|f| (*f).to_owned())).collect() };
    assert_eq!(of("mdfRequests/r"), expected(&["created", "submitted", "approved", "claimed", "completed"]));
    assert_eq!(of("mdfClaims/c"), expected(&["created", "submitted", "approved", "paid"]));
    assert_eq!(of("mdfBudgets/b"), expected(&["created", "committed"]));
    assert_eq!(events.iter().filter(|e| e.subject == "incentivize.ledger_transaction.posted").count(), 4);
}

#[test]
fn the_documentation_shows_the_table() {
    stoa_testkit::documented(super::TABLE, include_str!("mod.rs"), "stoa.incentivize.v1.MdfClaimState");
}
