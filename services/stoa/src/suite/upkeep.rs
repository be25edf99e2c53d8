//! Jobs that keep the stores small: they delete answers kept for retries, and events
//! that the log and the inbox no longer need.

use std::{collections::BTreeMap, sync::Arc};

use futures::FutureExt;
use stoa_config::{BusKind, Config};
use stoa_events::EventLog;
use stoa_kernel::{Clock, Result, Timestamp, clock::wall_now};
use stoa_service::Job;
use stoa_store::Store;

use super::pump::{Named, Pump};

/// Seconds between two runs.
const EVERY_S: u64 = 600;
/// Maximum number of rows that one transaction deletes.
const ROWS_MAX: u64 = 5_000;
/// Maximum number of transactions per run. The next run continues.
const BATCHES_MAX: usize = 20;

/// Returns the jobs of one service's store.
pub(super) fn jobs(config: &Config, service: &'static str, store: &Store, clock: &Clock, pumps: &[Arc<Named>]) -> Vec<Job> {
    let mut jobs = vec![forget_answers(store.clone(), config.events.idempotency_retention_hours)];
    if config.bus.kind == BusKind::Jetstream {
        jobs.push(forget_deliveries(pumps.iter().filter(|p| p.service == service).cloned().collect()));
    }
    if config.events.retention_days > 0 {
        let log = EventLog::new(store.clone(), service);
        jobs.push(prune_log(log, clock.clone(), config.events.retention_days, pumps.to_vec()));
    }
    jobs
}

fn forget_answers(store: Store, hours: u32) -> Job {
    let run = move || forget(store.clone(), hours).boxed();
    Job { name: "store.forget_answers", every_s: EVERY_S, run: Arc::new(run) }
}

async fn forget(store: Store, hours: u32) -> Result<u64> {
    let before = wall_now().plus_hours(-i64::from(hours));
    let mut done = 0;
    for _ in 0..BATCHES_MAX {
        let count = stoa_store::prune::idempotency(&store, before, ROWS_MAX).await?;
        done += count;
        if count < ROWS_MAX {
            break;
        }
    }
    Ok(done)
}

fn forget_deliveries(pumps: Vec<Arc<Named>>) -> Job {
    let run = move || forget_inbox(pumps.clone()).boxed();
    Job { name: "events.forget_deliveries", every_s: EVERY_S, run: Arc::new(run) }
}

async fn forget_inbox(pumps: Vec<Arc<Named>>) -> Result<u64> {
    let mut done = 0;
    for named in pumps {
        if let Pump::Consumer(consumer) = &named.pump {
            done += consumer.prune().await?;
        }
    }
    Ok(done)
}

fn prune_log(log: EventLog, clock: Clock, days: u32, pumps: Vec<Arc<Named>>) -> Job {
    let run = move || prune(log.clone(), clock.now().plus_days(-i64::from(days)), pumps.clone()).boxed();
    Job { name: "events.prune_log", every_s: EVERY_S, run: Arc::new(run) }
}

/// Deletes only events that every reader has had, however old they are.
async fn prune(log: EventLog, before: Timestamp, pumps: Vec<Arc<Named>>) -> Result<u64> {
    let mut through = i64::MAX;
    for named in pumps {
        let position = match &named.pump {
            Pump::Publisher(publisher) if named.service == log.service() => publisher.published().await?,
            Pump::Subscriber(subscriber) if subscriber.subscription().source == log.service() => subscriber.applied().await?,
            _ => continue,
        };
        through = through.min(position);
    }
    let mut done = 0;
    for _ in 0..BATCHES_MAX {
        let count = log.prune(before, through, ROWS_MAX).await?;
        done += count;
        if count < ROWS_MAX {
            break;
        }
    }
    Ok(done)
}

/// Adds the jobs to those of the services.
pub(super) fn add(
    config: &Config,
    clock: &Clock,
    stores: &BTreeMap<&'static str, Store>,
    pumps: &[Arc<Named>],
    all: &mut [(&'static str, Vec<Job>)],
) {
    for (service, jobs) in all {
        if let Some(store) = stores.get(service) {
            jobs.extend(self::jobs(config, service, store, clock, pumps));
        }
    }
}
