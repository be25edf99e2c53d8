//! One service with a store of its own.

use std::{ops::Deref, sync::Arc};

use futures::FutureExt;
use sea_orm_migration::MigrationTrait;
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_events::{Event, EventLog, Relay, Subscription};
use stoa_kernel::{Caller, Clock, Cx, Reach, Timestamp, clock::ClockHandle, page::PageKey};
use stoa_rpc::Peers;
use stoa_service::{Deps, Job};
use stoa_store::Store;
use tonic::{Request, Status};

use crate::{NETWORK, Place, Seed, Standing};

/// The reason for refusing a partner without an enrollment in force here:
/// onboard has the last word on it and cannot be reached.
pub const NOT_ENROLLED: &str = "UNAVAILABLE";

/// The tenant of a test.
const TENANT: &str = "t";

/// What a service receives, with a driven clock, and everything that its tests
/// do to it from outside.
pub struct Bench {
    /// The dependencies of the service.
    pub deps: Deps,
    /// Drives business time.
    pub handle: ClockHandle,
    /// Used for all reads, because it keeps the lease and another would wait
    /// for it.
    relay: Relay,
    place: Place,
}

impl Bench {
    /// Creates a migrated store, with business time at an instant. Other
    /// services cannot be reached: what the directory does not hold stays
    /// unknown.
    ///
    /// # Panics
    /// If the store cannot be opened.
    pub async fn new(service: &'static str, migrations: Vec<Box<dyn MigrationTrait>>, now: Timestamp) -> Self {
        let place = Place::new();
        let store = open(&place, service, migrations).await;
        let (clock, handle) = Clock::driven(now);
        let key = ServiceKey::generate().expect("a key");
        let peers = Peers::new(ServiceSigner::new(Arc::new(key), service));
        let deps = Deps { service, store, clock, page_key: PageKey::new(b"test"), peers };
        let relay = Relay::new(deps.store.clone(), service);
        Self { deps, handle, relay, place }
    }

    /// Adds partners to the directory.
    ///
    /// # Panics
    /// If the directory refuses them.
    pub async fn seed(&self, partners: &[Seed]) {
        self.announce(partners, 1).await;
    }

    /// Announces to the directory that an enrolled partner was suspended.
    ///
    /// # Panics
    /// If the directory refuses it.
    pub async fn suspend(&self, partner: &'static str) {
        self.announce(&[Seed::enrolled(partner).standing(Standing::Suspended)], 2).await;
    }

    async fn announce(&self, partners: &[Seed], version: i64) {
        let directory = stoa_directory::subscriptions().remove(0);
        for event in partners.iter().flat_map(|partner| partner.events(TENANT, version)) {
            self.deliver(&directory, event).await.expect("the directory accepts the partner");
        }
    }

    /// Applies one event as a subscription does.
    ///
    /// # Errors
    /// The failure of its handler.
    pub async fn deliver(&self, subscription: &Subscription, event: Event) -> stoa_kernel::Result<()> {
        let work = (event, subscription.handler.clone());
        self.deps.store.write(work, |tx, (event, handler)| handler(tx, event).boxed()).await
    }

    /// Another store in the same place: the log of another service.
    ///
    /// # Panics
    /// If the store cannot be opened.
    pub async fn log_of(&self, service: &'static str) -> Store {
        open(&self.place, service, stoa_events::migrations()).await
    }

    /// Another store in the same place, with tables.
    ///
    /// # Panics
    /// If the store cannot be opened.
    pub async fn store_of(&self, service: &'static str, migrations: Vec<Box<dyn MigrationTrait>>) -> Store {
        open(&self.place, service, migrations).await
    }

    /// Business time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    /// The instant `days` days from now, as the API carries it.
    #[must_use]
    pub fn in_days(&self, days: i64) -> Option<prost_types::Timestamp> {
        Some(self.now().plus_days(days).proto())
    }

    /// Lets days pass.
    pub fn pass_days(&self, days: i64) {
        self.handle.set(self.now().plus_days(days));
    }

    /// The context of a caller with this reach.
    #[must_use]
    pub fn cx(&self, reach: Reach) -> Cx {
        let caller = Caller { subject: "persons/caller".to_owned(), reach, ..Caller::service("") };
        Cx { caller, ..Cx::service(TENANT, "", &self.deps.clock, "") }
    }

    /// A request of the vendor's people.
    pub fn as_vendor<T>(&self, message: T) -> Request<T> {
        request(self.cx(Reach::Tenant), message)
    }

    /// A request of a partner's people.
    pub fn as_partner<T>(&self, partner: &str, message: T) -> Request<T> {
        request(self.cx(Reach::Partner(partner.to_owned())), message)
    }

    /// A request of a person who may write, as a CAM, only for assigned
    /// partners.
    pub fn as_cam<T>(&self, person: &str, message: T) -> Request<T> {
        let mut cx = self.cx(Reach::Tenant);
        cx.caller.subject = format!("persons/{person}");
        cx.caller.assigned_only = true;
        request(cx, message)
    }

    /// A request of another tenant's people.
    pub fn as_stranger<T>(&self, message: T) -> Request<T> {
        request(Cx { tenant: "u".to_owned(), ..self.cx(Reach::Tenant) }, message)
    }

    /// A request in a context.
    pub fn request<T>(&self, cx: Cx, message: T) -> Request<T> {
        request(cx, message)
    }

    /// Runs a job once. Returns how much was due.
    ///
    /// # Panics
    /// If it fails.
    pub async fn run(&self, job: &Job) -> u64 {
        (job.run)().await.expect("the job does what is due")
    }

    /// The events of the service's log, oldest first. All of them are the
    /// tenant's.
    ///
    /// # Panics
    /// If the log cannot be read.
    pub async fn events(&self) -> Vec<Event> {
        while self.relay.run_once().await.expect("the relay assigns positions") > 0 {}
        let log = EventLog::new(self.deps.store.clone(), self.deps.service);
        let events = log.read(0, 1000).await.expect("the log can be read");
        assert!(events.iter().all(|e| e.tenant == TENANT));
        events
    }

    /// Subjects of the events, oldest first, without the service's name.
    pub async fn subjects(&self) -> Vec<String> {
        let subject = |e: &Event| e.subject.split_once('.').map(|(_, subject)| subject.to_owned()).unwrap_or_default();
        self.events().await.iter().map(subject).collect()
    }
}

/// A service's API with the usual network ([`NETWORK`]) in its directory.
pub struct Served<A> {
    /// The API, to be called without transport.
    pub api: A,
    bench: Bench,
}

impl<A> Served<A> {
    /// Serves what `api` makes of the dependencies, on the evening of
    /// 2023-11-14.
    ///
    /// # Panics
    /// If the store cannot be opened.
    pub async fn new(service: &'static str, migrations: Vec<Box<dyn MigrationTrait>>, api: impl FnOnce(Deps) -> A) -> Self {
        let bench = Bench::new(service, migrations, Timestamp::from_micros(1_700_000_000_000_000)).await;
        bench.seed(&NETWORK).await;
        Self { api: api(bench.deps.clone()), bench }
    }
}

impl<A> Deref for Served<A> {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

async fn open(place: &Place, name: &str, migrations: Vec<Box<dyn MigrationTrait>>) -> Store {
    let store = Store::open(&place.store(name).await).await.expect("a store");
    store.migrate(migrations).await.expect("the migrations run");
    store
}

fn request<T>(cx: Cx, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(cx);
    request
}

/// The reason of a refusal.
///
/// # Panics
/// If the result is not a refusal.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    stoa_rpc::error(&result.expect_err("a refusal")).reason().as_str().to_owned()
}

/// The instant at which an event occurred.
///
/// # Panics
/// If it has none.
#[must_use]
pub fn occurred(event: &Event) -> Timestamp {
    Timestamp::stored(event.occurred_time.as_ref()).expect("an event has an instant")
}
