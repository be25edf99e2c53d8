//! The service on a store of its own, with a driven clock, for tests.

use std::sync::Arc;

use futures::FutureExt;
use prost::{Message, Name};
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_events::{Event, EventLog, Relay};
use stoa_kernel::{Caller, Clock, Cx, Reach, Timestamp, clock::ClockHandle, etag, page::PageKey};
use stoa_proto::{
    onboard::v1::{Enrollment, EnrollmentCreated, EnrollmentStatus, Partner, PartnerUpdated},
    sell::v1::{
        CreateDealRequest, CreateProductLineRequest, Customer, Deal, ProductLine, SubmitDealRegistrationRequest,
        deal_service_server::DealService, product_line_service_server::ProductLineService,
    },
};
use stoa_rpc::{Deps, Job, Peers};
use stoa_store::{Store, StoreConfig};
use tonic::Request;

use crate::Api;

pub(crate) struct Bench {
    pub(crate) api: Api,
    pub(crate) handle: ClockHandle,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// The service with the product lines `gtx` and `mg`, and with partners in
    /// its directory: `acme` and `other` are enrolled, `acme` sees `below`,
    /// `below` is suspended and `narrow` may sell `mg` only.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::sqlite(&folder.path().join("test.db"))).await.unwrap();
        store.migrate(crate::migrations()).await.unwrap();
        let (clock, handle) = Clock::driven(Timestamp::from_micros(1_700_000_000_000_000));
        let deps = Deps { service: crate::NAME, store, clock, page_key: PageKey::new(b"test"), peers: peers() };
        let bench = Self { api: Api { deps }, handle, _folder: folder };
        for (id, visible_to) in [("acme", ""), ("below", "acme"), ("other", ""), ("narrow", "")] {
            bench.partner(id, visible_to).await;
        }
        for line in ["gtx", "mg"] {
            let product_line = Some(ProductLine { display_name: line.to_uppercase(), ..Default::default() });
            let request = CreateProductLineRequest { product_line_id: line.into(), product_line, request_id: String::new() };
            bench.api.create_product_line(bench.vendor(request)).await.unwrap();
        }
        bench
    }

    async fn partner(&self, id: &str, visible_to: &str) {
        let partner = Partner {
            name: format!("partners/{id}"),
            visible_to: Some(visible_to.to_owned()).into_iter().filter(|v| !v.is_empty()).collect(),
            etag: etag::of(1),
            ..Partner::default()
        };
        let status = if id == "below" { EnrollmentStatus::Suspended } else { EnrollmentStatus::Enrolled };
        let enrollment = Enrollment {
            name: format!("enrollments/{id}"),
            partner: partner.name.clone(),
            status: status.into(),
            effective_time: Some(self.now().plus_days(-1000).proto()),
            product_lines: if id == "narrow" { vec!["productLines/mg".to_owned()] } else { Vec::new() },
            etag: etag::of(1),
            ..Enrollment::default()
        };
        self.learn("onboard.partner.updated", &PartnerUpdated { partner: Some(partner) }).await;
        self.learn("onboard.enrollment.created", &EnrollmentCreated { enrollment: Some(enrollment) }).await;
    }

    async fn learn<M: Message + Name>(&self, subject: &str, message: &M) {
        let event = Event { tenant: "t".into(), subject: subject.into(), data: message.encode_to_vec(), ..Event::default() };
        let handler = stoa_directory::subscriptions().remove(0).handler;
        self.api.deps.store.write((event, handler), |tx, (event, handler)| handler(tx, event).boxed()).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.api.deps.clock.now()
    }

    pub(crate) fn pass_days(&self, days: i64) {
        self.handle.set(self.now().plus_days(days));
    }

    /// A request of the vendor's people.
    pub(crate) fn vendor<T>(&self, message: T) -> Request<T> {
        self.request(self.cx(Reach::Tenant), message)
    }

    /// A request of a partner's people.
    pub(crate) fn of<T>(&self, partner: &str, message: T) -> Request<T> {
        self.request(self.cx(Reach::Partner(partner.to_owned())), message)
    }

    pub(crate) fn request<T>(&self, cx: Cx, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(cx);
        request
    }

    pub(crate) fn cx(&self, reach: Reach) -> Cx {
        let caller = Caller {
            subject: "persons/caller".to_owned(),
            on_behalf_of: String::new(),
            roles: Default::default(),
            reach,
            connector: String::new(),
        };
        Cx { tenant: "t".to_owned(), caller, now: self.now(), request_id: String::new(), causation: String::new(), deadline: None }
    }

    /// A deal of a partner with a customer of this domain, in the line `gtx`.
    pub(crate) async fn deal(&self, partner: &str, id: &str, domain: &str) -> Deal {
        let customer = Customer { display_name: "Example".into(), domain: domain.into(), ..Default::default() };
        let deal = Deal { product_line: "productLines/gtx".into(), customer: Some(customer), ..Default::default() };
        let request = CreateDealRequest { deal_id: id.into(), deal: Some(deal), request_id: String::new() };
        self.api.create_deal(self.of(partner, request)).await.unwrap().into_inner()
    }

    pub(crate) async fn submit(&self, partner: &str, name: &str) -> Result<Deal, tonic::Status> {
        let request = SubmitDealRegistrationRequest { name: name.into(), ..Default::default() };
        self.api.submit_deal_registration(self.of(partner, request)).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn run(&self, job: &Job) -> u64 {
        (job.run)().await.unwrap()
    }

    /// The events of the log, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let relay = Relay::new(self.api.deps.store.clone(), crate::NAME);
        while relay.run_once().await.unwrap() > 0 {}
        EventLog::new(self.api.deps.store.clone(), crate::NAME).read(0, 1000).await.unwrap()
    }

    /// The facts about deals, oldest first.
    pub(crate) async fn facts(&self) -> Vec<String> {
        let events = self.events().await;
        events.iter().filter_map(|e| e.subject.strip_prefix("sell.deal.")).map(str::to_owned).collect()
    }
}

/// Nobody can be reached: what the directory does not hold stays unknown.
fn peers() -> Peers {
    Peers::new(ServiceSigner::new(Arc::new(ServiceKey::generate().unwrap()), crate::NAME))
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, tonic::Status>) -> String {
    stoa_rpc::error(&result.unwrap_err()).reason().to_owned()
}

/// Instant of an event's fact.
pub(crate) fn occurred(event: &Event) -> Timestamp {
    Timestamp::stored(event.occurred_time.as_ref()).unwrap()
}
