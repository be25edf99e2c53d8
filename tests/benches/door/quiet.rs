//! Callers who do what they always do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use stoa_proto::sell::v1::{CreateProductLineRequest, GetProductLineRequest, ListProductLinesRequest, ProductLine};
use stoa_tests::door::{Connection, Reply, Target};
use tokio::task::JoinSet;

const TENANTS: [&str; 3] = ["quiet-a", "quiet-b", "quiet-c"];
/// Time between the calls of one caller: 30 per second.
const PERIOD: Duration = Duration::from_micros(33_333);
/// A call that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// One call.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// When it was due.
    pub(crate) at: Instant,
    /// `None` if it failed.
    pub(crate) took: Option<Duration>,
}

/// The callers, until they are stopped.
pub(crate) struct Quiet {
    samples: Arc<Mutex<Vec<Sample>>>,
    callers: JoinSet<()>,
}

impl Quiet {
    /// Stops the callers and returns what they got. Calls without an answer yet
    /// are missing: they are later than any that is asked for.
    pub(crate) fn stop(mut self) -> Vec<Sample> {
        self.callers.abort_all();
        std::mem::take(&mut self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts one caller per tenant.
pub(crate) async fn start(target: &Target) -> Result<Quiet> {
    let samples: Arc<Mutex<Vec<Sample>>> = Arc::default();
    let mut callers = JoinSet::new();
    for tenant in TENANTS {
        let token = target.admin(tenant)?;
        target.post(tenant, "/v1/productLines?productLineId=first", &serde_json::json!({"displayName": "First"})).await?;
        callers.spawn(keep_calling(target.address, token, samples.clone()));
    }
    Ok(Quiet { samples, callers })
}

async fn keep_calling(address: std::net::SocketAddr, token: String, samples: Arc<Mutex<Vec<Sample>>>) {
    let mut ticks = tokio::time::interval(PERIOD);
    let mut connection: Option<Arc<Connection>> = None;
    let mut calls = JoinSet::new();
    for nth in 0_u64.. {
        let at = ticks.tick().await.into_std();
        connection = connection.filter(|connection| connection.is_open());
        if connection.is_none() {
            connection = tokio::time::timeout(PATIENCE, Connection::open(address)).await.ok().and_then(Result::ok).map(Arc::new);
        }
        let (connection, token, samples) = (connection.clone(), token.clone(), samples.clone());
        calls.spawn(async move {
            let answered = tokio::time::timeout(PATIENCE, call(connection, nth, &token)).await;
            let took = answered.is_ok_and(|reply| reply.is_ok_and(|reply| reply.is_ok())).then(|| at.elapsed());
            samples.lock().unwrap_or_else(PoisonError::into_inner).push(Sample { at, took });
        });
        while calls.try_join_next().is_some() {}
    }
}

async fn call(connection: Option<Arc<Connection>>, nth: u64, token: &str) -> Result<Reply> {
    let connection = connection.context("no connection")?;
    match nth % 3 {
        0 => {
            let line = ProductLine { display_name: format!("Line {nth}"), ..ProductLine::default() };
            connection.ask(&CreateProductLineRequest { product_line: Some(line), ..CreateProductLineRequest::default() }, token).await
        }
        1 => connection.ask(&GetProductLineRequest { name: "productLines/first".to_owned() }, token).await,
        _ => connection.ask(&ListProductLinesRequest { page_size: 10, ..ListProductLinesRequest::default() }, token).await,
    }
}
