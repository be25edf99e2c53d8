//! Jobs that run what is due by the clock.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::{FutureExt, future::join_all};
use opentelemetry::{KeyValue, global, metrics::Counter};
use sea_orm::Condition;
use stoa_kernel::{Cx, Result};
use stoa_store::{Documents, Store, Tx, documents, lease};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{Deps, Job};

/// Maximum number of objects per run of a job.
const DUE_PER_RUN_MAX: u64 = 500;
/// Runs of a job that may be missed before another process takes it over.
const RUNS_MISSED_MAX: u64 = 3;

static RUNS: LazyLock<Counter<u64>> =
    LazyLock::new(|| global::meter("stoa_service").u64_counter("job.runs").with_description("Runs of jobs by outcome").build());

/// Does what is due for one object (by its ID), if it is still due. Returns how
/// many things were done.
pub trait DoDue<'a>: Fn(&'a Tx, &'a Cx, &'a str) -> Self::Done {
    /// The future of the work.
    type Done: Future<Output = Result<u64>> + Send + 'a;
}

impl<'a, F, D> DoDue<'a> for F
where
    F: Fn(&'a Tx, &'a Cx, &'a str) -> D,
    D: Future<Output = Result<u64>> + Send + 'a,
{
    type Done = D;
}

/// A job that runs a function at an interval.
pub fn job<F, D>(deps: &Deps, name: &'static str, every_s: u64, run: F) -> Job
where
    F: Fn(Deps) -> D + Send + Sync + 'static,
    D: Future<Output = Result<u64>> + Send + 'static,
{
    let deps = deps.clone();
    Job { name, every_s, run: Arc::new(move || run(deps.clone()).boxed()) }
}

/// A job that looks every minute for documents whose time in a column has come
/// and that meet a condition. It does what is due for each in a separate
/// transaction: a failure is logged and does not hold up the others.
pub fn due_job<T, F>(deps: &Deps, name: &'static str, time: T::Column, only: fn() -> Condition, work: F) -> Job
where
    T: Documents,
    T::Column: Send + Sync,
    F: for<'a> DoDue<'a> + Copy + Send + Sync + 'static,
{
    job(deps, name, 60, move |deps| sweep::<T, F>(deps, name, time, only, work))
}

async fn sweep<T, F>(deps: Deps, name: &'static str, time: T::Column, only: fn() -> Condition, work: F) -> Result<u64>
where
    T: Documents,
    F: for<'a> DoDue<'a> + Copy + Send + Sync + 'static,
{
    let (mut done, mut failure) = (0, None);
    for (tenant, id) in documents::due::<T, _>(deps.store.read(), time, only(), deps.clock.now(), DUE_PER_RUN_MAX).await? {
        let cx = Cx::service(&tenant, deps.service, &deps.clock, "");
        match deps.store.write((cx, id.clone()), move |tx, (cx, id)| work(tx, cx, id).boxed()).await {
            Ok(count) => done += count,
            Err(error) => {
                tracing::error!(job = name, tenant, id, cause = error.cause(), %error, "what is due for one object could not be done");
                failure = Some(error);
            }
        }
    }
    // The run counts as failed, but the rest of it is done.
    failure.map_or(Ok(done), Err)
}

/// Runs every job once, in order. Returns how many things were done in total.
/// For tests and for driven clocks, which know when something is due.
///
/// # Errors
/// The first failure. Later jobs do not run.
pub async fn run_jobs_once(jobs: &[Job]) -> Result<u64> {
    let mut done = 0;
    for job in jobs {
        done += run(job).await?;
    }
    Ok(done)
}

/// Runs every job at its interval until told to stop. Of all processes with the
/// same store, one runs a job, under a lease that it keeps extending. Another
/// takes over when it misses a few runs. The lease saves work; it is not what
/// makes effects unique. `holder` names this process.
pub async fn run_jobs(store: Store, holder: String, jobs: Vec<Job>, stop: CancellationToken) {
    join_all(jobs.iter().map(|job| keep_running(&store, &holder, job, &stop))).await;
}

async fn keep_running(store: &Store, holder: &str, job: &Job, stop: &CancellationToken) {
    let name = format!("job/{}", job.name);
    let every_s = job.every_s.max(1);
    let mut ticks = tokio::time::interval(Duration::from_secs(every_s));
    // After a long run, the next run waits for its time instead of catching up.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut held = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        held = match lease::acquire(store, &name, holder, every_s * 1000 * RUNS_MISSED_MAX).await {
            Ok(lease) => lease,
            Err(error) => {
                tracing::warn!(job = job.name, cause = error.cause(), %error, "no lease; the next run tries again");
                None
            }
        };
        if held.is_some() {
            // What one run cannot do, the next run does: both work on what is
            // due.
            let _ = run(job).await;
        }
    }
    if let Some(lease) = held
        && let Err(error) = lease::release(store, &lease).await
    {
        tracing::warn!(job = job.name, %error, "the lease stays until it expires");
    }
}

async fn run(job: &Job) -> Result<u64> {
    let span = tracing::info_span!("job", otel.name = job.name, job = job.name);
    let result = (job.run)().instrument(span.clone()).await;
    let outcome = if result.is_ok() { "ok" } else { "failed" };
    RUNS.add(1, &[KeyValue::new("job", job.name), KeyValue::new("outcome", outcome)]);
    match &result {
        Ok(0) => tracing::debug!(parent: &span, "nothing was due"),
        Ok(done) => tracing::info!(parent: &span, done, "a job did what was due"),
        Err(error) => tracing::error!(parent: &span, cause = error.cause(), %error, "a job failed"),
    }
    result
}
