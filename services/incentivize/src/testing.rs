//! The service with a store of its own, for tests.

use std::ops::Deref;

use prost::Message;
use stoa_events::Event;
use stoa_kernel::{Timestamp, etag};
use stoa_proto::{
    common::v1::Money,
    incentivize::v1::{
        CreateMdfBudgetRequest, CreateMdfClaimRequest, CreateMdfRequestRequest, GetTrialBalanceRequest, MdfBudget, MdfClaim, MdfRequest,
        TrialBalance, ledger_service_server::LedgerService, mdf_budget_service_server::MdfBudgetService,
        mdf_claim_service_server::MdfClaimService, mdf_request_service_server::MdfRequestService,
    },
    onboard::v1::{Enrollment, EnrollmentCreated, EnrollmentStatus},
};
pub(crate) use stoa_testkit::{NOT_ENROLLED, occurred, reason};
use stoa_testkit::{Seed, Standing};
use tonic::Status;

use crate::Api;

/// The shared bench with the service's API.
pub(crate) struct Bench {
    pub(crate) api: Api,
    bench: stoa_testkit::Bench,
}

impl Deref for Bench {
    type Target = stoa_testkit::Bench;

    fn deref(&self) -> &Self::Target {
        &self.bench
    }
}

impl Bench {
    /// Creates the service on 2026-02-01 with the enrolled partners `acme`
    /// (assigned to the CAM `cam`), `below` (which `acme` may see) and `other`
    /// in its directory, all in tier `gold` since 1970, and with `idle`, which
    /// is suspended.
    pub(crate) async fn new() -> Self {
        let bench = stoa_testkit::Bench::new(crate::NAME, crate::migrations(), "2026-02-01".parse().unwrap()).await;
        let partners = [
            Seed::enrolled("acme").assigned_to("cam"),
            Seed::enrolled("below").visible_to("acme"),
            Seed::enrolled("other"),
            Seed::enrolled("idle").standing(Standing::Suspended),
        ];
        bench.seed(&partners).await;
        let bench = Self { api: Api { deps: bench.deps.clone() }, bench };
        for partner in ["acme", "below", "other"] {
            bench.enrollment(enrollment(partner, 1, "gold", Timestamp::default()), Timestamp::default()).await.unwrap();
        }
        bench
    }

    /// Delivers a version of an enrollment to the service and its directory.
    pub(crate) async fn enrollment(&self, enrollment: Enrollment, occurred: Timestamp) -> stoa_kernel::Result<()> {
        let event = Event {
            event_id: format!("{} {}", enrollment.name, enrollment.etag),
            tenant: "t".into(),
            subject: "onboard.enrollment.updated".into(),
            occurred_time: Some(occurred.proto()),
            data: EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec(),
            ..Event::default()
        };
        self.deliver(&stoa_directory::subscriptions()[0], event.clone()).await?;
        self.deliver(&crate::commission::subscriptions(&self.deps.clock)[1], event).await
    }

    /// Returns the trial balance of the tenant.
    pub(crate) async fn books(&self) -> TrialBalance {
        let request = GetTrialBalanceRequest { name: "trialBalance".into() };
        self.api.get_trial_balance(self.as_vendor(request)).await.unwrap().into_inner()
    }

    /// Creates a budget for 2026, in USD.
    pub(crate) async fn budget(&self, id: &str, minor: i64) -> MdfBudget {
        let budget = MdfBudget {
            display_name: id.into(),
            amount: usd(minor),
            start_date: "2026-01-01".into(),
            end_date: "2026-12-31".into(),
            ..MdfBudget::default()
        };
        let request = CreateMdfBudgetRequest { mdf_budget_id: id.into(), mdf_budget: Some(budget), ..Default::default() };
        self.api.create_mdf_budget(self.as_vendor(request)).await.unwrap().into_inner()
    }

    /// Creates a draft request of `acme` for March. The vendor creates it,
    /// because only the vendor chooses IDs.
    pub(crate) async fn draft(&self, id: &str, amount: Option<Money>) -> Result<MdfRequest, Status> {
        let input = MdfRequest {
            partner: "partners/acme".into(),
            display_name: "Road show".into(),
            amount,
            usage_start_date: "2026-03-01".into(),
            usage_end_date: "2026-03-31".into(),
            ..MdfRequest::default()
        };
        let request = CreateMdfRequestRequest { mdf_request_id: id.into(), mdf_request: Some(input), ..Default::default() };
        self.api.create_mdf_request(self.as_vendor(request)).await.map(tonic::Response::into_inner)
    }

    /// Creates a draft claim of `acme`.
    pub(crate) async fn claim(&self, id: &str, request: &str, amount: Option<Money>) -> Result<MdfClaim, Status> {
        let input = MdfClaim {
            mdf_request: format!("mdfRequests/{request}"),
            amount,
            proof_references: vec!["invoices/1".into()],
            ..MdfClaim::default()
        };
        let request = CreateMdfClaimRequest { mdf_claim_id: id.into(), mdf_claim: Some(input), ..Default::default() };
        self.api.create_mdf_claim(self.as_vendor(request)).await.map(tonic::Response::into_inner)
    }
}

/// Returns a version of a partner's enrollment, in force since 1970 and with
/// its tier since an instant.
pub(crate) fn enrollment(partner: &str, version: i64, tier: &str, since: Timestamp) -> Enrollment {
    Enrollment {
        name: format!("enrollments/{partner}"),
        partner: format!("partners/{partner}"),
        program: "programs/p".into(),
        tier: format!("programs/p/tiers/{tier}"),
        tier_time: Some(since.proto()),
        status: EnrollmentStatus::Enrolled as i32,
        effective_time: Some(Timestamp::default().proto()),
        etag: etag::of_version(version),
        ..Enrollment::default()
    }
}

pub(crate) fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "USD".into() })
}
