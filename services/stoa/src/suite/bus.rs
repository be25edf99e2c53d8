//! Delivery of events in a process: embedded, or over JetStream.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;
use stoa_config::{BusKind, Config};
use stoa_events::{
    EventLog, Relay, RemoteLog, ShufflingSource, Source, Subscriber, Subscription,
    jetstream::{self, Bus},
};
use stoa_kernel::{Clock, Cx};
use stoa_rpc::{Channel, Peers};
use stoa_store::Store;

use super::{
    Options,
    pump::{Named, Pump},
};

type Logs = BTreeMap<&'static str, EventLog>;
type Subscriptions = Vec<(&'static str, Vec<Subscription>)>;

/// Connects to JetStream if events are delivered over it.
pub(super) async fn connect(config: &Config) -> Result<Option<Bus>> {
    if config.bus.kind == BusKind::Embedded {
        return Ok(None);
    }
    let bus = jetstream::connect(jetstream::Config {
        stream: config.bus.name.to_uppercase(),
        prefix: config.bus.name.clone(),
        replicas: usize::from(config.bus.replicas),
        max_age: days(config.events.stream_retention_days),
        ..jetstream::Config::new(config.bus.url.expose())
    })
    .await?;
    jetstream::ensure_stream(&bus).await?;
    Ok(Some(bus))
}

/// What the delivery of events is built from.
pub(super) struct Wiring<'a> {
    pub(super) config: &'a Config,
    pub(super) options: &'a Options,
    pub(super) stores: &'a BTreeMap<&'static str, Store>,
    /// How each service reaches the others.
    pub(super) callers: &'a BTreeMap<&'static str, Peers>,
}

impl Wiring<'_> {
    /// Creates everything that moves events in this process.
    pub(super) async fn pumps(&self, bus: Option<&Bus>, subscriptions: Subscriptions) -> Result<Vec<Arc<Named>>> {
        let mut pumps = Vec::new();
        let mut logs = BTreeMap::new();
        for (service, store) in self.stores {
            let relay = Relay::new(store.clone(), service);
            // Readers in this process wake up when positions are assigned, not at every commit.
            logs.insert(*service, relay.event_log());
            pumps.push(Named { service, name: "relay".to_owned(), pump: Pump::Relay(relay, store.commits()) });
        }
        match bus {
            None => self.embedded(&logs, subscriptions, &mut pumps),
            Some(bus) => self.over_jetstream(bus, &logs, subscriptions, &mut pumps).await?,
        }
        Ok(pumps.into_iter().map(Arc::new).collect())
    }

    fn embedded(&self, logs: &Logs, subscriptions: Subscriptions, pumps: &mut Vec<Named>) {
        for (service, all) in subscriptions {
            for (i, subscription) in all.into_iter().enumerate() {
                let Some(log) = logs.get(subscription.source) else { continue };
                let mut source: Arc<dyn Source> = Arc::new(log.clone());
                if let Some(seed) = self.options.shuffle_seed {
                    source = Arc::new(ShufflingSource::new(source, seed.wrapping_add(i as u64 * 7919)));
                }
                let name = format!("{} from {}", subscription.name, subscription.source);
                let subscriber = Subscriber::new(self.stores[service].clone(), source, subscription, self.options.clock.clone());
                pumps.push(Named { service, name, pump: Pump::Subscriber(subscriber) });
            }
        }
    }

    async fn over_jetstream(&self, bus: &Bus, logs: &Logs, subscriptions: Subscriptions, pumps: &mut Vec<Named>) -> Result<()> {
        for (service, store) in self.stores {
            let publisher = jetstream::Publisher::new(bus.clone(), store.clone(), logs[service].clone());
            pumps.push(Named { service, name: "publisher".to_owned(), pump: Pump::Publisher(publisher) });
        }
        let retention = days(self.config.events.inbox_retention_days);
        for (service, all) in subscriptions {
            let mut by_source: BTreeMap<&'static str, Vec<Subscription>> = BTreeMap::new();
            all.into_iter().for_each(|s| by_source.entry(s.source).or_default().push(s));
            for (source, of_source) in by_source {
                let (store, clock) = (self.stores[service].clone(), self.options.clock.clone());
                // Events that the stream no longer has are read from their owner's log.
                let archive: Arc<dyn Source> = match logs.get(source) {
                    Some(log) => Arc::new(log.clone()),
                    None => Arc::new(remote_log(service, source, self.callers[service].clone(), clock.clone())),
                };
                let consumer = jetstream::Consumer::new(bus.clone(), store, service, source, of_source, clock, retention).await?;
                let pump = Pump::Consumer(consumer.with_archive(archive));
                pumps.push(Named { service, name: format!("consumer from {source}"), pump });
            }
        }
        Ok(())
    }
}

fn remote_log(service: &'static str, source: &'static str, peers: Peers, clock: Clock) -> RemoteLog<impl Fn() -> Channel + Send + Sync> {
    RemoteLog::new(source, move || peers.channel(source, &Cx::service("", service, &clock, "")))
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}
