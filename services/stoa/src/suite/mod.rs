//! A suite: the services that one process runs, wired together by the
//! configuration. The same code runs a single service on PostgreSQL and JetStream,
//! or all of them on embedded files.

mod access;
mod bus;
mod pump;
mod stores;
mod upkeep;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use stoa_config::Config;
use stoa_events::{EventsApi, Subscription, jetstream::Bus};
use stoa_gateway::{GatewayConfig, gateway};
use stoa_kernel::{Clock, Cx};
use stoa_proto::events::v1::event_service_server::EventServiceServer;
use stoa_rpc::{Channel, Check, Door, Limits, LocalStack, Peers, ServeConfig};
use stoa_service::{Deps, Job, Service};
use stoa_store::{Observer, Store};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub use access::Keys;
use bus::Wiring;
use pump::Named;

/// Services with a store, in the order in which they start.
pub const PILLARS: [&str; 6] = ["onboard", "enable", "market", "sell", "incentivize", "analytics"];

/// What differs between a server, a demo and a test.
#[derive(Clone, Default)]
pub struct Options {
    /// Business time; wall time unless driven.
    pub clock: Clock,
    /// Seed by which the embedded bus shuffles, delays and duplicates events.
    pub shuffle_seed: Option<u64>,
    /// Nothing runs by itself: relays, subscribers and jobs run only when called.
    pub manual: bool,
    /// Observers of the statements of each service's store.
    pub observers: Option<Observers>,
}

/// Returns the observer of a service's store.
pub type Observers = Arc<dyn Fn(&'static str) -> Observer + Send + Sync>;

/// A running suite.
pub struct Suite {
    /// Configuration of the suite.
    pub config: Config,
    /// Keys that sign tokens.
    pub keys: Keys,
    /// Everything behind the door, callable in this process.
    pub stack: Channel,
    /// What serves the network: the stack and, if the process runs the gateway, the
    /// services that run elsewhere.
    front: Channel,
    door: Door,
    stores: BTreeMap<&'static str, Store>,
    pumps: Vec<Arc<Named>>,
    jobs: Vec<(&'static str, Vec<Job>)>,
    bus: Option<Bus>,
    /// Canceled when the process is told to stop.
    stop: CancellationToken,
    /// Canceled when the last request has been answered.
    ended: CancellationToken,
    tasks: JoinSet<()>,
}

fn build(name: &str, deps: Deps, frame_bytes_max: u64) -> Option<Service> {
    Some(match name {
        "onboard" => stoa_onboard::service(deps),
        "enable" => stoa_enable::service(deps),
        "market" => stoa_market::service(deps),
        "sell" => stoa_sell::service(deps),
        "incentivize" => stoa_incentivize::service(deps),
        "analytics" => stoa_analytics::service_with(deps, usize::try_from(frame_bytes_max).unwrap_or(usize::MAX)),
        _ => return None,
    })
}

impl Suite {
    /// Opens and migrates the stores, and starts everything that the configuration
    /// names. The suite is ready when this returns.
    ///
    /// # Errors
    /// If a store, the bus or a key is not available.
    pub async fn start(config: Config, options: Options) -> Result<Self> {
        stoa_auth::check_crypto()?;
        stoa_proto::validate::prepare();
        let keys = Keys::load(&config)?;
        let names: Vec<&'static str> = PILLARS.into_iter().filter(|s| config.runs(s)).collect();
        let place = LocalStack::default();
        let mut services = Vec::new();
        let (mut stores, mut callers) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            let store = stores::open(&config, name, &options).await.with_context(|| format!("cannot open the store of {name}"))?;
            let peers = peers(&config, &keys, name, &place)?;
            callers.insert(name, peers.clone());
            let deps = Deps { service: name, store: store.clone(), clock: options.clock.clone(), page_key: keys.page_key.clone(), peers };
            let service = build(name, deps, config.limits.frame_bytes_max).with_context(|| format!("unknown service {name}"))?;
            stores.insert(name, store);
            services.push(service);
        }
        stores::migrate(&config, &stores, &mut services).await?;
        let subscriptions: Vec<(&'static str, Vec<Subscription>)> =
            services.iter_mut().map(|s| (s.name, std::mem::take(&mut s.subscriptions))).collect();
        let mut jobs: Vec<_> = services.iter_mut().map(|s| (s.name, std::mem::take(&mut s.jobs))).collect();
        let door = door(&config, &keys, &options.clock, &services, &stores)?;
        let stack = stack(&keys, door.clone(), services, &stores, &subscriptions)?;
        place.set(stack.clone());
        let front = front(&config, &keys, &stack, &door)?;
        let bus = bus::connect(&config).await?;
        let wiring = Wiring { config: &config, options: &options, stores: &stores, callers: &callers };
        let pumps = wiring.pumps(bus.as_ref(), subscriptions).await?;
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        upkeep::add(&config, &options.clock, &stores, &pumps, &stop, &mut jobs);
        let mut suite = Self { config, keys, stack, front, door, stores, pumps, jobs, bus, stop, ended, tasks: JoinSet::new() };
        if !options.manual {
            suite.run_in_background();
        }
        Ok(suite)
    }

    /// Migrates the stores of the configured services to this version's schema, and
    /// starts nothing.
    ///
    /// # Errors
    /// If a store cannot be opened or migrated.
    pub async fn migrate(config: Config) -> Result<()> {
        let keys = Keys::load(&config)?;
        for name in PILLARS.into_iter().filter(|s| config.runs(s)) {
            let store = stores::open(&config, name, &Options::default()).await;
            let store = store.with_context(|| format!("cannot open the store of {name}"))?;
            let peers = Peers::new(keys.signer(name));
            let deps = Deps { service: name, store: store.clone(), clock: Clock::default(), page_key: keys.page_key.clone(), peers };
            let service = build(name, deps, config.limits.frame_bytes_max).with_context(|| format!("unknown service {name}"))?;
            stores::migrate(&config, &BTreeMap::from([(name, store.clone())]), &mut [service]).await?;
            store.close().await;
        }
        Ok(())
    }

    /// Starts the background work. From now on, the suite runs by itself.
    pub fn run_in_background(&mut self) {
        for pump in &self.pumps {
            self.tasks.spawn(pump::keep_running(pump.clone(), self.stop.clone()));
        }
        self.tasks.spawn(pump::keep_measuring(self.pumps.clone(), self.stop.clone()));
        let holder = stoa_kernel::ids::new_id();
        for (name, jobs) in &self.jobs {
            if let Some(store) = self.stores.get(name) {
                self.tasks.spawn(stoa_service::run_jobs(store.clone(), holder.clone(), jobs.clone(), self.stop.clone()));
            }
        }
    }

    /// Runs relays and subscribers until nothing is left to deliver.
    ///
    /// # Errors
    /// The first failure that is not caused by an event itself.
    pub async fn settle(&self) -> Result<()> {
        loop {
            let mut moved = 0;
            for named in &self.pumps {
                moved += named.pump.run_once().await?;
            }
            if moved == 0 {
                for named in &self.pumps {
                    moved += named.pump.await_pending().await?;
                }
            }
            if moved == 0 {
                return Ok(());
            }
        }
    }

    /// Runs the jobs that are due by the clock, once.
    ///
    /// # Errors
    /// The first failure.
    pub async fn run_jobs(&self) -> Result<u64> {
        let mut done = 0;
        for (_, jobs) in &self.jobs {
            done += stoa_service::run_jobs_once(jobs).await?;
        }
        Ok(done)
    }

    /// Returns the number of events that could not be applied.
    ///
    /// # Errors
    /// If a store cannot be read.
    pub async fn parked_count(&self) -> Result<u64> {
        let mut parked = 0;
        for named in &self.pumps {
            parked += named.pump.parked_count().await?;
        }
        Ok(parked)
    }

    /// Returns the gateway in front of the services, here or elsewhere.
    pub fn http(&self) -> axum::Router {
        let services = PILLARS.into_iter().chain(["events"]).map(|name| (name.to_owned(), self.front.clone())).collect();
        gateway(GatewayConfig { services, door: self.door.clone() })
    }

    /// Serves until told to stop, then lets requests in progress finish.
    ///
    /// # Errors
    /// If a listener fails.
    pub async fn serve(&mut self, listener: TcpListener, management: Option<(TcpListener, axum::Router)>) -> Result<()> {
        let http = self.config.runs("gateway").then(|| self.http());
        let config = ServeConfig { door: self.door.clone(), cors_origins: self.config.gateway.cors_origins.clone(), http };
        if let Some((listener, router)) = management {
            // It answers "stopping" and serves metrics until the last request is done.
            let ended = self.ended.clone();
            self.tasks.spawn(async move {
                let served = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned()).await;
                if let Err(error) = served {
                    tracing::error!(%error, "the management port failed");
                }
            });
        }
        let served = stoa_rpc::serve(listener, self.front.clone(), config, self.stop.clone()).await;
        self.ended.cancel();
        served
    }

    /// Returns the store of a service that this process runs.
    #[must_use]
    pub fn store(&self, service: &str) -> Option<&Store> {
        self.stores.get(service)
    }

    /// Returns the readiness checks of the management port.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let check = |(name, store): (&&'static str, &Store)| {
            let store = store.clone();
            let run = Arc::new(move || {
                let store = store.clone();
                Box::pin(async move { store.ping().await }) as futures::future::BoxFuture<'static, _>
            });
            Check { name: format!("store.{name}"), run }
        };
        let bus = self.bus.clone().map(|bus| {
            let run = Arc::new(move || {
                let bus = bus.clone();
                Box::pin(async move { bus.ping().await }) as futures::future::BoxFuture<'static, _>
            });
            Check { name: "bus".to_owned(), run }
        });
        let door = self.door.clone();
        let run = Arc::new(move || {
            let problem = door.problem().map_or(Ok(()), |problem| Err(stoa_kernel::Error::unavailable(problem)));
            Box::pin(std::future::ready(problem)) as futures::future::BoxFuture<'static, _>
        });
        let door = Check { name: "door".to_owned(), run };
        self.stores.iter().map(check).chain(bus).chain([door]).collect()
    }

    /// Returns a token that is canceled when the suite is told to stop.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Creates a context for this process's own calls, with all rights in a tenant.
    #[must_use]
    pub fn clock_cx(&self, tenant: &str, clock: &Clock) -> Cx {
        Cx::service(tenant, "stoa", clock, "")
    }

    /// Stops the background work and closes the stores.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.ended.cancel();
        while self.tasks.join_next().await.is_some() {}
        for store in self.stores.values() {
            store.close().await;
        }
    }
}

fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        connections_max: limits.connections_max,
        connections_per_address_max: limits.connections_per_address_max,
        proxies: limits.proxies.clone(),
        connection_idle_s_max: limits.connection_idle_s_max,
        arrivals_max: limits.arrivals_max,
        concurrency_max: limits.concurrency_max,
        message_bytes_max: limits.message_bytes_max,
        buffered_bytes_max: limits.buffered_bytes_max,
        body_read_ms_max: limits.body_read_ms_max,
        deadline_ms_max: limits.deadline_ms_max,
        streams_per_caller_max: limits.streams_per_caller_max,
        stream_idle_s_max: limits.stream_idle_s_max,
        rate_per_caller_per_second: limits.rate_per_caller_per_second,
        rate_burst: limits.rate_burst,
        rate_per_tenant_per_second: limits.rate_per_tenant_per_second,
        rate_tenant_burst: limits.rate_tenant_burst,
        refusals_per_address_per_second: limits.refusals_per_address_per_second,
        link_bytes_max: limits.link_bytes_max,
        rate_per_link_per_second: limits.rate_per_link_per_second,
        rate_link_burst: limits.rate_link_burst,
        shutdown_grace_ms: limits.shutdown_grace_ms,
        ..Limits::default()
    }
}

fn door(config: &Config, keys: &Keys, clock: &Clock, services: &[Service], stores: &BTreeMap<&'static str, Store>) -> Result<Door> {
    // Onboard's own if it runs here, because it knows first.
    let suspension = services.iter().find_map(|s| s.suspension.clone());
    let access = access::access(config, keys, clock, &stores.keys().copied().collect::<Vec<_>>(), suspension)?;
    Ok(Door::new(access, limits(config)))
}

fn stack(
    keys: &Keys,
    door: Door,
    services: Vec<Service>,
    stores: &BTreeMap<&'static str, Store>,
    subscriptions: &[(&'static str, Vec<Subscription>)],
) -> Result<Channel> {
    let known = subscriptions.iter().filter_map(|(name, all)| Some((*name, (stores.get(name)?.clone(), all.clone()))));
    let events = EventsApi::new(known.collect(), keys.page_key.clone(), stoa_rpc::status);
    let mut shared = tonic::service::Routes::builder();
    shared.add_service(EventServiceServer::new(events));
    let routes = services.into_iter().map(|s| s.routes).chain([shared.routes()]);
    Ok(stoa_rpc::stack(stoa_rpc::merge(routes)?, door))
}

fn front(config: &Config, keys: &Keys, stack: &Channel, door: &Door) -> Result<Channel> {
    if !config.runs("gateway") {
        return Ok(stack.clone());
    }
    let peers = peers(config, keys, "gateway", &LocalStack::default())?;
    let elsewhere = PILLARS.into_iter().filter(|name| !config.runs(name));
    let elsewhere = elsewhere.map(|name| (name.to_owned(), peers.as_caller(name))).collect();
    Ok(stoa_rpc::pass_through(stack.clone(), elsewhere, door.clone()))
}

/// Returns how a service reaches the others: in this process if it runs them,
/// otherwise at their addresses.
fn peers(config: &Config, keys: &Keys, service: &'static str, place: &LocalStack) -> Result<Peers> {
    let mut peers = Peers::new(keys.signer(service));
    for other in PILLARS {
        if config.runs(other) {
            peers = peers.local(other, place);
        } else if let Some(address) = config.peers.get(other) {
            peers = peers.remote(other, address)?;
        }
    }
    Ok(peers)
}
