//! The service on a store of its own, with a driven clock, for tests.

use std::sync::Arc;

use futures::FutureExt;
use prost::Message;
use prost_types::Timestamp as Time;
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_events::{Event, EventLog, Relay};
use stoa_kernel::{Caller, Clock, Cx, Reach, Timestamp, clock::ClockHandle, etag, page::PageKey};
use stoa_proto::onboard::v1::{Partner, PartnerUpdated};
use stoa_rpc::{Deps, Job, Peers};
use stoa_store::{Store, StoreConfig};
use tonic::Request;

use crate::Api;

pub(crate) struct Bench {
    pub(crate) api: Api,
    pub(crate) handle: ClockHandle,
    /// One for all reads: it keeps the lease, and another would wait for it.
    relay: Relay,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// The service with the partners `acme`, `below` (which `acme` may see) and
    /// `other` in its directory.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::sqlite(&folder.path().join("test.db"))).await.unwrap();
        store.migrate(crate::migrations()).await.unwrap();
        let (clock, handle) = Clock::driven(Timestamp::from_micros(1_700_000_000_000_000));
        let deps = Deps { service: crate::NAME, store, clock, page_key: PageKey::new(b"test"), peers: peers() };
        let relay = Relay::new(deps.store.clone(), crate::NAME);
        let bench = Self { api: Api { deps }, handle, relay, _folder: folder };
        for (id, visible_to) in [("acme", ""), ("below", "acme"), ("other", "")] {
            bench.partner(id, visible_to).await;
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
        let event = Event {
            tenant: "t".into(),
            subject: "onboard.partner.updated".into(),
            data: PartnerUpdated { partner: Some(partner) }.encode_to_vec(),
            ..Event::default()
        };
        let handler = stoa_directory::subscriptions().remove(0).handler;
        self.api.deps.store.write((event, handler), |tx, (event, handler)| handler(tx, event).boxed()).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.api.deps.clock.now()
    }

    /// `days` from now, as the API carries it.
    pub(crate) fn in_days(&self, days: i64) -> Option<Time> {
        Some(self.now().plus_days(days).proto())
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

    pub(crate) async fn run(&self, job: &Job) -> u64 {
        (job.run)().await.unwrap()
    }

    /// The events of the log, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        while self.relay.run_once().await.unwrap() > 0 {}
        let events = EventLog::new(self.api.deps.store.clone(), crate::NAME).read(0, 1000).await.unwrap();
        assert!(events.iter().all(|e| e.tenant == "t"));
        events
    }

    /// The subjects of the log's events without the service's name.
    pub(crate) async fn subjects(&self) -> Vec<String> {
        self.events().await.iter().map(|e| e.subject.split_once('.').unwrap().1.to_owned()).collect()
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
