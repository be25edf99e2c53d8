//! The service on a store of its own, with a driven clock, for tests.

use std::sync::Arc;

use futures::FutureExt;
use prost::Message;
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_events::{Event, EventLog, Relay, Subscription};
use stoa_kernel::{Caller, Clock, Cx, Reach, Timestamp, clock::ClockHandle, etag, page::PageKey};
use stoa_proto::{
    common::v1::Money,
    incentivize::v1::{
        CreateMdfBudgetRequest, CreateMdfClaimRequest, CreateMdfRequestRequest, GetTrialBalanceRequest, MdfBudget, MdfClaim, MdfRequest,
        TrialBalance, ledger_service_server::LedgerService, mdf_budget_service_server::MdfBudgetService,
        mdf_claim_service_server::MdfClaimService, mdf_request_service_server::MdfRequestService,
    },
    onboard::v1::{Enrollment, EnrollmentCreated, EnrollmentStatus, Partner, PartnerType, PartnerUpdated},
};
use stoa_rpc::{Deps, Peers};
use stoa_store::{Store, StoreConfig};
use tonic::{Request, Status};

use crate::Api;

pub(crate) struct Bench {
    pub(crate) api: Api,
    pub(crate) handle: ClockHandle,
    folder: tempfile::TempDir,
}

impl Bench {
    /// The service on 2026-02-01 with the enrolled partners `acme`, `below`
    /// (which `acme` may see) and `other` in its directory.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::sqlite(&folder.path().join("test.db"))).await.unwrap();
        store.migrate(crate::migrations()).await.unwrap();
        let (clock, handle) = Clock::driven("2026-02-01".parse().unwrap());
        let deps = Deps { service: crate::NAME, store, clock, page_key: PageKey::new(b"test"), peers: peers() };
        let bench = Self { api: Api { deps }, handle, folder };
        for (id, visible_to) in [("acme", ""), ("below", "acme"), ("other", "")] {
            bench.partner(id, visible_to).await;
        }
        bench
    }

    async fn partner(&self, id: &str, visible_to: &str) {
        let partner = Partner {
            name: format!("partners/{id}"),
            r#type: PartnerType::Var as i32,
            visible_to: Some(visible_to.to_owned()).into_iter().filter(|v| !v.is_empty()).collect(),
            etag: etag::of(1),
            ..Partner::default()
        };
        let enrollment = Enrollment {
            name: format!("enrollments/{id}"),
            partner: partner.name.clone(),
            tier: "programs/p/tiers/gold".into(),
            status: EnrollmentStatus::Enrolled as i32,
            effective_time: Some(Timestamp::default().proto()),
            etag: etag::of(1),
            ..Enrollment::default()
        };
        let directory = stoa_directory::subscriptions().remove(0);
        let subject = |noun: &str| Event { tenant: "t".into(), subject: format!("onboard.{noun}.updated"), ..Event::default() };
        let of_partner = Event { data: PartnerUpdated { partner: Some(partner) }.encode_to_vec(), ..subject("partner") };
        let of_enrollment = Event { data: EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec(), ..subject("enrollment") };
        self.deliver(&directory, of_partner).await.unwrap();
        self.deliver(&directory, of_enrollment).await.unwrap();
    }

    /// Applies one event as a subscription does.
    pub(crate) async fn deliver(&self, subscription: &Subscription, event: Event) -> stoa_kernel::Result<()> {
        let handler = subscription.handler.clone();
        self.api.deps.store.write((event, handler), |tx, (event, handler)| handler(tx, event).boxed()).await
    }

    /// Another store beside the service's own, for another service's log.
    pub(crate) async fn log_of(&self, service: &'static str) -> Store {
        let store = Store::open(&StoreConfig::sqlite(&self.folder.path().join(service))).await.unwrap();
        store.migrate(stoa_events::migrations()).await.unwrap();
        store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.api.deps.clock.now()
    }

    pub(crate) fn days(&self, days: i64) {
        self.handle.set(self.now().plus_days(days));
    }

    /// The context of the vendor's people.
    pub(crate) fn cx(&self) -> Cx {
        Cx { now: self.now(), ..Cx::service("t", "test", &self.api.deps.clock, "") }
    }

    /// A request of the vendor's people.
    pub(crate) fn vendor<T>(&self, message: T) -> Request<T> {
        self.request("t", Reach::Tenant, message)
    }

    /// A request of a partner's people.
    pub(crate) fn of<T>(&self, partner: &str, message: T) -> Request<T> {
        self.request("t", Reach::Partner(partner.to_owned()), message)
    }

    /// A request of another tenant's people.
    pub(crate) fn stranger<T>(&self, message: T) -> Request<T> {
        self.request("u", Reach::Tenant, message)
    }

    fn request<T>(&self, tenant: &str, reach: Reach, message: T) -> Request<T> {
        let caller = Caller {
            subject: "persons/caller".to_owned(),
            on_behalf_of: String::new(),
            roles: Default::default(),
            reach,
            connector: String::new(),
        };
        let cx =
            Cx { tenant: tenant.to_owned(), caller, now: self.now(), request_id: String::new(), causation: String::new(), deadline: None };
        let mut request = Request::new(message);
        request.extensions_mut().insert(cx);
        request
    }

    /// The events of the log, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let relay = Relay::new(self.api.deps.store.clone(), crate::NAME);
        while relay.run_once().await.unwrap() > 0 {}
        EventLog::new(self.api.deps.store.clone(), crate::NAME).read(0, 1000).await.unwrap()
    }

    /// The trial balance of the tenant.
    pub(crate) async fn books(&self) -> TrialBalance {
        let request = GetTrialBalanceRequest { name: "trialBalance".into() };
        self.api.get_trial_balance(self.vendor(request)).await.unwrap().into_inner()
    }

    /// A budget `id` of 2026, in USD.
    pub(crate) async fn budget(&self, id: &str, minor: i64) -> MdfBudget {
        let budget = MdfBudget {
            display_name: id.into(),
            amount: usd(minor),
            start_date: "2026-01-01".into(),
            end_date: "2026-12-31".into(),
            ..MdfBudget::default()
        };
        let request = CreateMdfBudgetRequest { mdf_budget_id: id.into(), mdf_budget: Some(budget), ..Default::default() };
        self.api.create_mdf_budget(self.vendor(request)).await.unwrap().into_inner()
    }

    /// A draft of `acme` for March, by its own people.
    pub(crate) async fn draft(&self, id: &str, amount: Option<Money>) -> Result<MdfRequest, Status> {
        let input = MdfRequest {
            display_name: "Road show".into(),
            amount,
            usage_start_date: "2026-03-01".into(),
            usage_end_date: "2026-03-31".into(),
            ..MdfRequest::default()
        };
        let request = CreateMdfRequestRequest { mdf_request_id: id.into(), mdf_request: Some(input), ..Default::default() };
        self.api.create_mdf_request(self.of("acme", request)).await.map(tonic::Response::into_inner)
    }

    /// A draft of a claim by `acme`.
    pub(crate) async fn claim(&self, id: &str, request: &str, amount: Option<Money>) -> Result<MdfClaim, Status> {
        let input = MdfClaim { mdf_request: format!("mdfRequests/{request}"), amount, ..MdfClaim::default() };
        let request = CreateMdfClaimRequest { mdf_claim_id: id.into(), mdf_claim: Some(input), ..Default::default() };
        self.api.create_mdf_claim(self.of("acme", request)).await.map(tonic::Response::into_inner)
    }
}

/// Nobody can be reached: what the directory does not hold stays unknown.
fn peers() -> Peers {
    Peers::new(ServiceSigner::new(Arc::new(ServiceKey::generate().unwrap()), crate::NAME))
}

pub(crate) fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "USD".into() })
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    stoa_rpc::error(&result.unwrap_err()).reason().to_owned()
}
