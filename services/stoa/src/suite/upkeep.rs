//! Jobs that keep the stores small: they delete answers kept for retries, and events
//! that the log and the inbox no longer need.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use futures::FutureExt;
use stoa_config::{BusKind, Config};
use stoa_events::EventLog;
use stoa_kernel::{Clock, Result, Timestamp, clock::wall_now};
use stoa_service::Job;
use stoa_store::Store;
use tokio_util::sync::CancellationToken;

use super::pump::{Named, Pump};

/// Seconds between two runs.
const EVERY_S: u64 = 600;
/// Maximum number of rows that one transaction deletes.
const ROWS_PER_TRANSACTION_MAX: u64 = 2_000;
/// Maximum number of rows per run. The next run continues. It is 16,000 rows for
/// each second between two runs: more than a store can write in that time.
const ROWS_PER_RUN_MAX: u64 = 16_000 * EVERY_S;

/// Returns the jobs of one service's store.
fn jobs(config: &Config, service: &'static str, store: &Store, clock: &Clock, pumps: &[Arc<Named>], stop: &CancellationToken) -> Vec<Job> {
    let mut jobs = vec![forget_answers(store.clone(), config.events.idempotency_retention_hours, stop.clone())];
    if config.bus.kind == BusKind::Jetstream {
        jobs.push(forget_deliveries(pumps.iter().filter(|p| p.service == service).cloned().collect(), stop.clone()));
    }
    if config.events.retention_days > 0 {
        let log = EventLog::new(store.clone(), service);
        jobs.push(prune_log(log, clock.clone(), config.events.retention_days, pumps.to_vec(), stop.clone()));
    }
    jobs
}

/// Deletes until nothing old is left, in transactions of their own. `delete`
/// deletes at most the given number of rows and returns how many. Between two
/// transactions there is a pause as long as the first took, so that at least half
/// of the time is left for other writes.
async fn clear<D: Future<Output = Result<u64>>>(stop: &CancellationToken, delete: impl Fn(u64) -> D) -> Result<u64> {
    let mut done = 0;
    while done < ROWS_PER_RUN_MAX && !stop.is_cancelled() {
        let started = Instant::now();
        let count = delete(ROWS_PER_TRANSACTION_MAX).await?;
        done += count;
        if count < ROWS_PER_TRANSACTION_MAX {
            break;
        }
        tokio::time::timeout(started.elapsed(), stop.cancelled()).await.ok();
    }
    Ok(done)
}

fn forget_answers(store: Store, hours: u32, stop: CancellationToken) -> Job {
    let run = move || forget(store.clone(), hours, stop.clone()).boxed();
    Job { name: "store.forget_answers", every_s: EVERY_S, run: Arc::new(run) }
}

async fn forget(store: Store, hours: u32, stop: CancellationToken) -> Result<u64> {
    let before = wall_now().plus_hours(-i64::from(hours));
    clear(&stop, |rows_max| stoa_store::prune::idempotency(&store, before, rows_max)).await
}

fn forget_deliveries(pumps: Vec<Arc<Named>>, stop: CancellationToken) -> Job {
    let run = move || forget_inbox(pumps.clone(), stop.clone()).boxed();
    Job { name: "events.forget_deliveries", every_s: EVERY_S, run: Arc::new(run) }
}

async fn forget_inbox(pumps: Vec<Arc<Named>>, stop: CancellationToken) -> Result<u64> {
    let mut done = 0;
    for named in pumps {
        if let Pump::Consumer(consumer) = &named.pump {
            done += clear(&stop, |rows_max| consumer.prune(rows_max)).await?;
        }
    }
    Ok(done)
}

fn prune_log(log: EventLog, clock: Clock, days: u32, pumps: Vec<Arc<Named>>, stop: CancellationToken) -> Job {
    let run = move || prune(log.clone(), clock.now().plus_days(-i64::from(days)), pumps.clone(), stop.clone()).boxed();
    Job { name: "events.prune_log", every_s: EVERY_S, run: Arc::new(run) }
}

/// Deletes only events that every reader has had, however old they are.
async fn prune(log: EventLog, before: Timestamp, pumps: Vec<Arc<Named>>, stop: CancellationToken) -> Result<u64> {
    let mut through = i64::MAX;
    for named in pumps {
        let position = match &named.pump {
            Pump::Publisher(publisher) if named.service == log.service() => publisher.published().await?,
            Pump::Subscriber(subscriber) if subscriber.subscription().source == log.service() => subscriber.applied().await?,
            _ => continue,
        };
        through = through.min(position);
    }
    clear(&stop, |rows_max| log.prune(before, through, rows_max)).await
}

/// Adds the jobs to those of the services. They end early if told to stop.
pub(super) fn add(
    config: &Config,
    clock: &Clock,
    stores: &BTreeMap<&'static str, Store>,
    pumps: &[Arc<Named>],
    stop: &CancellationToken,
    all: &mut [(&'static str, Vec<Job>)],
) {
    for (service, jobs) in all {
        if let Some(store) = stores.get(service) {
            jobs.extend(self::jobs(config, service, store, clock, pumps, stop));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use sea_orm::ConnectionTrait;
    use stoa_store::{DbResult, StoreConfig};

    use super::*;

    /// More than one run used to delete.
    const ROWS: u64 = 120_001;

    async fn store(dir: &std::path::Path) -> Store {
        let store = Store::open(&StoreConfig::sqlite(&dir.join("test.db"))).await.unwrap();
        store.migrate(stoa_events::migrations()).await.unwrap();
        store
    }

    async fn insert(store: &Store, columns: &str, row: &str) {
        let numbers = format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})");
        let sql = format!("INSERT INTO {columns} {numbers} SELECT {row} FROM numbers");
        let work = store.write(sql, |tx, sql| Box::pin(async move { tx.conn().execute_unprepared(sql).await.db().map(|_| ()) }));
        work.await.unwrap();
    }

    #[tokio::test]
    async fn one_run_deletes_everything_old() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        let columns = "idempotency (tenant, subject, method, request_id, request_hash, response, create_time)";
        insert(&store, columns, "'t', 's', 'm', n, x'', x'', 1").await;
        assert_eq!(forget(store.clone(), 24, CancellationToken::new()).await.unwrap(), ROWS);
        let columns = "event_log (event_id, tenant, position, subject, aggregate, version, occurred, recorded, actor, on_behalf_of, request_id, \
             causation_id, partner, changed_fields, traceparent, message_type, data)";
        insert(&store, columns, "n, 't', n, 's', n, 1, 1, 1, '', '', '', '', '', '', '', '', x''").await;
        let log = EventLog::new(store.clone(), "sell");
        assert_eq!(prune(log, wall_now(), Vec::new(), CancellationToken::new()).await.unwrap(), ROWS);
        store.close().await;
    }

    #[tokio::test]
    async fn a_run_ends_at_its_limit_and_when_told_to_stop() {
        let (stop, calls) = (CancellationToken::new(), Cell::new(0));
        let delete = |rows| {
            calls.set(calls.get() + 1);
            std::future::ready(Ok(rows))
        };
        assert_eq!(clear(&stop, delete).await.unwrap(), ROWS_PER_RUN_MAX);
        assert_eq!(calls.get(), ROWS_PER_RUN_MAX / ROWS_PER_TRANSACTION_MAX);
        calls.set(0);
        let third = |rows| {
            if calls.get() == 2 {
                stop.cancel();
            }
            delete(rows)
        };
        assert_eq!(clear(&stop, third).await.unwrap(), 3 * ROWS_PER_TRANSACTION_MAX);
    }
}
