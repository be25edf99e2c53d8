//! What the tests of the service share: the service itself, reached through its
//! public interfaces, and random networks to ask about.

pub mod facts;
pub mod plain;
pub mod world;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::FutureExt;
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_events::{Event, Subscription};
use stoa_kernel::{Caller, Clock, Cx, Reach, Timestamp, page::PageKey};
use stoa_proto::analytics::v1::{
    allocation_service_client::AllocationServiceClient, network_quality_service_client::NetworkQualityServiceClient,
    partner_activity_service_client::PartnerActivityServiceClient, partner_segment_service_client::PartnerSegmentServiceClient,
};
use stoa_rpc::Peers;
use stoa_service::Deps;
use stoa_store::{Store, StoreConfig, Synchronous};
use stoa_testkit::Place;
use tokio::runtime::Runtime;
use tonic::{Request, service::Routes};

/// The service on a store of its own.
pub struct Bench {
    pub runtime: Runtime,
    pub store: Store,
    pub clock: Clock,
    routes: Routes,
    pub subscriptions: Vec<Subscription>,
    tenants: AtomicU64,
    _place: Place,
}

/// Returns one service for all tests that run at the same time, each with its own
/// tenant. It is dropped with the last of them, and so is its store.
pub fn bench() -> Arc<Bench> {
    static SHARED: Mutex<Weak<Bench>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let bench = Arc::new(Bench::new(64 << 20));
        *shared = Arc::downgrade(&bench);
        bench
    })
}

impl Bench {
    pub fn new(frame_bytes_max: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let place = Place::new();
        let store = runtime.block_on(async {
            let config = StoreConfig { synchronous: Synchronous::Normal, ..place.store(stoa_analytics::NAME).await };
            let store = Store::open(&config).await.unwrap();
            store.migrate(stoa_analytics::migrations()).await.unwrap();
            store
        });
        let signer = ServiceSigner::new(Arc::new(ServiceKey::generate().unwrap()), stoa_analytics::NAME);
        let (clock, _) = Clock::driven(Timestamp::from_micros(world::END));
        let page_key = PageKey::new(b"test");
        let deps = Deps { service: stoa_analytics::NAME, store: store.clone(), clock: clock.clone(), page_key, peers: Peers::new(signer) };
        let service = runtime.block_on(async { stoa_analytics::service_with(deps, frame_bytes_max) });
        let (routes, subscriptions) = (service.routes, service.subscriptions);
        Self { runtime, store, clock, routes, subscriptions, tenants: AtomicU64::default(), _place: place }
    }

    /// Returns a tenant that has not been used yet.
    pub fn tenant(&self) -> String {
        format!("tenant-{}", self.tenants.fetch_add(1, Ordering::SeqCst))
    }

    /// Delivers events in one transaction, in the order given.
    pub fn deliver(&self, tenant: &str, events: &[Event]) {
        let handlers: Vec<_> = self.subscriptions.iter().map(|s| (s.source, s.handler.clone())).collect();
        let events: Vec<Event> = events.iter().map(|e| Event { tenant: tenant.to_owned(), ..e.clone() }).collect();
        let work = (handlers, events);
        let applied = self.store.write(work, |tx, (handlers, events)| {
            async move {
                for event in events {
                    let source = event.subject.split('.').next().unwrap();
                    let (_, handler) = handlers.iter().find(|(s, _)| *s == source).unwrap();
                    handler(tx, event).await?;
                }
                Ok(())
            }
            .boxed()
        });
        self.runtime.block_on(applied).unwrap();
    }

    /// Creates a request from a person of the tenant or of a partner.
    pub fn request<T>(&self, tenant: &str, reach: Reach, message: T) -> Request<T> {
        let caller = Caller {
            subject: "persons/test".to_owned(),
            on_behalf_of: String::new(),
            issuer: String::new(),
            roles: BTreeSet::new(),
            reach,
            connector: String::new(),
            target: String::new(),
            assigned_only: false,
        };
        let mut request = Request::new(message);
        request.extensions_mut().insert(Cx {
            tenant: tenant.to_owned(),
            caller,
            now: Timestamp::from_micros(world::END),
            request_id: String::new(),
            causation: String::new(),
            deadline: None,
        });
        request
    }

    pub fn as_vendor<T>(&self, tenant: &str, message: T) -> Request<T> {
        self.request(tenant, Reach::Tenant, message)
    }

    pub fn quality(&self) -> NetworkQualityServiceClient<Routes> {
        NetworkQualityServiceClient::new(self.routes.clone())
    }

    pub fn activity(&self) -> PartnerActivityServiceClient<Routes> {
        PartnerActivityServiceClient::new(self.routes.clone())
    }

    pub fn segments(&self) -> PartnerSegmentServiceClient<Routes> {
        PartnerSegmentServiceClient::new(self.routes.clone())
    }

    pub fn allocation(&self) -> AllocationServiceClient<Routes> {
        AllocationServiceClient::new(self.routes.clone())
    }
}
