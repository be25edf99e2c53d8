use std::sync::Arc;

use stoa_kernel::Error;
use stoa_store::{Store, StoreConfig, lease};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::*;

/// Waits for a number of runs.
async fn reached(runs: &watch::Sender<u64>, count: u64) {
    runs.subscribe().wait_for(|runs| *runs >= count).await.unwrap();
}

fn job(runs: &Arc<watch::Sender<u64>>) -> Job {
    let runs = runs.clone();
    Job {
        name: "registration-expiry",
        every_s: 1,
        run: Arc::new(move || {
            let runs = runs.clone();
            Box::pin(async move {
                runs.send_modify(|runs| *runs += 1);
                Ok(*runs.borrow())
            })
        }),
    }
}

#[tokio::test]
async fn jobs_run_once_in_order() {
    let runs = Arc::new(watch::Sender::new(0));
    let failing = Job { name: "sell.fails", every_s: 1, run: Arc::new(|| Box::pin(async { Err(Error::internal("x")) })) };
    assert_eq!(run_jobs_once(&[job(&runs), job(&runs)]).await.unwrap(), 1 + 2);
    assert!(run_jobs_once(&[job(&runs), failing, job(&runs)]).await.is_err());
    assert_eq!(*runs.borrow(), 3);
}

#[tokio::test]
async fn one_process_runs_a_job_until_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreConfig::sqlite(&dir.path().join("sell.db"))).await.unwrap();
    store.migrate(Vec::new()).await.unwrap();
    let (first, second) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(0)));
    let stop = CancellationToken::new();
    let one = tokio::spawn(run_jobs(store.clone(), "a".to_owned(), vec![job(&first)], stop.clone()));
    reached(&first, 1).await;
    let two = tokio::spawn(run_jobs(store.clone(), "b".to_owned(), vec![job(&second)], stop.clone()));
    reached(&first, 3).await;
    assert_eq!(*second.borrow(), 0, "the lease is held");
    stop.cancel();
    one.await.unwrap();
    two.await.unwrap();
    assert!(lease::acquire(&store, "job/registration-expiry", "c", 1000).await.unwrap().is_some(), "released");
}
