//! Pumps, which move events: relays, publishers, subscribers and consumers, all
//! driven in the same way.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use opentelemetry::{KeyValue, global, metrics::Gauge};
use stoa_events::{Relay, Subscriber, jetstream};
use stoa_kernel::Result;
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How long a pump waits for a wake-up before it checks by itself, because another
/// process may have written.
const POLL: Duration = Duration::from_millis(500);
/// Time between two measurements of the lag.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

static LAG: LazyLock<Gauge<u64>> =
    LazyLock::new(|| global::meter("stoa_events").u64_gauge("events.lag").with_description("Events that wait, by store and pump").build());
static PARKED: LazyLock<Gauge<u64>> =
    LazyLock::new(|| global::meter("stoa_events").u64_gauge("events.parked").with_description("Events that could not be applied").build());

/// Something that moves events.
#[expect(clippy::large_enum_variant, reason = "a process has a few dozen of them, each behind an Arc")]
pub(super) enum Pump {
    Relay(Relay, watch::Receiver<u64>),
    Publisher(jetstream::Publisher),
    Consumer(jetstream::Consumer),
    Subscriber(Subscriber),
}

impl Pump {
    pub(super) async fn run_once(&self) -> Result<u64> {
        match self {
            Self::Relay(relay, _) => relay.run_once().await,
            Self::Publisher(publisher) => publisher.run_once().await,
            Self::Consumer(consumer) => consumer.run_once().await,
            Self::Subscriber(subscriber) => subscriber.run_once().await,
        }
    }

    /// Waits for events on their way to this pump, and applies them. Returns 0 if there
    /// are none.
    pub(super) async fn await_pending(&self) -> Result<u64> {
        match self {
            // Events that failed temporarily are redelivered after a pause.
            Self::Consumer(consumer) if consumer.lag().await? > 0 => Ok(consumer.wait_and_run(POLL).await?.max(1)),
            _ => Ok(0),
        }
    }

    pub(super) async fn parked_count(&self) -> Result<u64> {
        match self {
            Self::Consumer(consumer) => consumer.parked_count().await,
            Self::Subscriber(subscriber) => subscriber.parked_count().await,
            Self::Publisher(publisher) => publisher.parked_count().await,
            Self::Relay(..) => Ok(0),
        }
    }

    async fn lag(&self) -> Result<u64> {
        match self {
            Self::Relay(relay, _) => relay.lag().await,
            Self::Publisher(publisher) => publisher.lag().await,
            Self::Consumer(consumer) => consumer.lag().await,
            Self::Subscriber(subscriber) => subscriber.lag().await,
        }
    }

    fn wake(&self) -> Option<watch::Receiver<u64>> {
        match self {
            Self::Relay(_, commits) => Some(commits.clone()),
            Self::Publisher(publisher) => Some(publisher.wake()),
            Self::Subscriber(subscriber) => Some(subscriber.wake()),
            Self::Consumer(_) => None,
        }
    }

    /// Lets another process continue at once.
    async fn release(&self) -> Result<()> {
        match self {
            Self::Relay(relay, _) => relay.release().await,
            Self::Publisher(publisher) => publisher.release().await,
            Self::Consumer(_) | Self::Subscriber(_) => Ok(()),
        }
    }

    /// Works, and waits for more work. It is never dropped halfway, because events that
    /// were fetched from the bus would be redelivered only after a minute.
    async fn step(&self, wake: Option<&mut watch::Receiver<u64>>, stop: &CancellationToken) -> Result<()> {
        if let Self::Consumer(consumer) = self {
            consumer.wait_and_run(POLL).await?;
            return Ok(());
        }
        if self.run_once().await? == 0
            && let Some(wake) = wake
        {
            // The poll covers wake-ups that never come.
            tokio::select! {
                () = stop.cancelled() => {}
                _ = tokio::time::timeout(POLL, wake.changed()) => {}
            }
        }
        Ok(())
    }
}

/// A pump and its name in metrics and logs.
pub(super) struct Named {
    /// Service whose store it works on.
    pub(super) service: &'static str,
    /// Name among the service's pumps.
    pub(super) name: String,
    pub(super) pump: Pump,
}

/// Runs a pump until told to stop. A failure is logged and retried, because the
/// store or the bus may be available again.
pub(super) async fn keep_running(named: Arc<Named>, stop: CancellationToken) {
    let pump = &named.pump;
    let mut wake = pump.wake();
    while !stop.is_cancelled() {
        if let Err(error) = pump.step(wake.as_mut(), &stop).await {
            let Named { service, name, .. } = &*named;
            tracing::warn!(service, pump = name, cause = error.cause(), %error, "events are not moving; trying again");
            tokio::select! {
                () = stop.cancelled() => break,
                () = pause() => {}
            }
        }
    }
    if let Err(error) = pump.release().await {
        tracing::warn!(service = named.service, pump = named.name, %error, "the lease stays until it expires");
    }
}

/// Measures lag and parked events until told to stop.
pub(super) async fn keep_measuring(pumps: Vec<Arc<Named>>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(MEASURE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        for named in &pumps {
            let Named { service, name, pump } = &**named;
            let labels = [KeyValue::new("store", *service), KeyValue::new("pump", name.clone())];
            match (pump.lag().await, pump.parked_count().await) {
                (Ok(lag), Ok(parked)) => {
                    LAG.record(lag, &labels);
                    PARKED.record(parked, &labels);
                }
                (Err(error), _) | (_, Err(error)) => tracing::warn!(service, pump = name, %error, "cannot measure the lag"),
            }
        }
    }
}

async fn pause() {
    #[expect(clippy::disallowed_methods, reason = "back-off before the next attempt")]
    tokio::time::sleep(POLL).await;
}
