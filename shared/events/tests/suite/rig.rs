//! An owner with a log, a consumer with a copy, and a transport between them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use stoa_events::{
    Event, EventLog, Handler, OnFailure, Relay, Subscriber, Subscription, decode, jetstream, record_changed, record_created,
};
use stoa_kernel::{Clock, Cx, Error, Result, Timestamp, etag, names};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::onboard::v1::{Program, ProgramCreated, ProgramUpdated};
use stoa_store::{DbResult, Documents, Key, Store, Tx, documents};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "program")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Entity as Programs;

impl Documents for Programs {
    type Document = Program;

    fn row(Key { tenant, id, version, document }: Key, _: &Program) -> row::Model {
        row::Model { tenant, id, version, document }
    }

    /// Another writer was first.
    fn taken(program: &Program) -> Error {
        Error::etag_mismatch(&program.name)
    }
}

pub(crate) const TENANT: &str = "acme";

/// A worker that applies events.
pub(crate) trait Worker: Send + Sync {
    fn run_once(&self) -> BoxFuture<'_, Result<u64>>;
    fn lag(&self) -> BoxFuture<'_, Result<u64>>;
    fn parked_count(&self) -> BoxFuture<'_, Result<u64>>;
}

impl Worker for Subscriber {
    fn run_once(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.run_once())
    }
    fn lag(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.lag())
    }
    fn parked_count(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.parked_count())
    }
}

impl Worker for jetstream::Consumer {
    fn run_once(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.run_once())
    }
    fn lag(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.lag())
    }
    fn parked_count(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(self.parked_count())
    }
}

/// The transport of events from the owner's log to a worker.
pub(crate) trait Transport: Send + Sync {
    /// Moves the log's events to where the workers find them.
    fn pump<'a>(&'a self, rig: &'a Rig) -> BoxFuture<'a, Result<()>>;
    /// Creates a worker for a subscription, as a start of the process does.
    fn worker<'a>(&'a self, rig: &'a Rig, store: &'a Store, subscription: Subscription) -> BoxFuture<'a, Box<dyn Worker>>;
}

/// Subscribers in the owner's process.
pub(crate) struct Embedded;

impl Transport for Embedded {
    fn pump<'a>(&'a self, _: &'a Rig) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn worker<'a>(&'a self, rig: &'a Rig, store: &'a Store, subscription: Subscription) -> BoxFuture<'a, Box<dyn Worker>> {
        let worker = Subscriber::new(store.clone(), Arc::new(rig.log()), subscription, rig.clock.clone()).backoff_ms(1);
        Box::pin(async { Box::new(worker) as Box<dyn Worker> })
    }
}

/// Opens an empty store with a name.
pub(crate) type OpenStore = Box<dyn Fn(String) -> BoxFuture<'static, Store> + Send + Sync>;

pub(crate) struct Rig {
    pub(crate) owner: Store,
    pub(crate) consumer: Store,
    pub(crate) clock: Clock,
    relay: Relay,
    transport: Box<dyn Transport>,
    open: OpenStore,
}

impl Rig {
    pub(crate) async fn new(transport: impl Transport + 'static, open: OpenStore) -> Self {
        let owner = with_tables(open("owner".to_owned()).await).await;
        let consumer = with_tables(open("consumer".to_owned()).await).await;
        let clock = Clock::driven(Timestamp::from_micros(1_700_000_000_000_000)).0;
        Self { relay: Relay::new(owner.clone(), "onboard"), owner, consumer, clock, transport: Box::new(transport), open }
    }

    pub(crate) fn cx(&self) -> Cx {
        Cx::service(TENANT, "test", &self.clock, "")
    }

    pub(crate) fn log(&self) -> EventLog {
        self.relay.event_log()
    }

    /// The store of another service.
    pub(crate) async fn another_store(&self, name: &str) -> Store {
        with_tables((self.open)(name.to_owned()).await).await
    }

    pub(crate) async fn worker(&self, subscription: Subscription) -> Box<dyn Worker> {
        self.worker_on(&self.consumer, subscription).await
    }

    pub(crate) async fn worker_on(&self, store: &Store, subscription: Subscription) -> Box<dyn Worker> {
        self.transport.worker(self, store, subscription).await
    }

    /// Writes the next version of a program.
    pub(crate) async fn write(&self, program: &str) {
        // Two writers may both find the first version missing: one must lose.
        while let Err(error) = write(&self.owner, self.cx(), program).await {
            assert_eq!(error.reason(), "ETAG_MISMATCH");
        }
    }

    /// Runs concurrent writers, each over all programs, so that versions
    /// interleave.
    pub(crate) async fn write_concurrently(&self, writers: usize, programs: usize, rounds: usize) {
        let writer = |w: usize| async move {
            for round in 0..rounds {
                for p in 0..programs {
                    self.write(&format!("programs/p{}", (p + w + round) % programs)).await;
                }
            }
        };
        join_all((0..writers).map(writer)).await;
    }

    pub(crate) async fn relay(&self) {
        while self.relay.run_once().await.unwrap() > 0 {}
        self.transport.pump(self).await.unwrap();
    }

    /// Runs everything until nothing is left to do.
    pub(crate) async fn settle(&self, workers: &[&dyn Worker]) {
        self.relay().await;
        for _ in 0..2000 {
            let (mut done, mut lag) = (0, 0);
            for worker in workers {
                done += worker.run_once().await.unwrap();
                lag += worker.lag().await.unwrap();
            }
            if done == 0 && lag == 0 {
                return;
            }
            if done == 0 {
                pause().await;
            }
        }
        panic!("events did not settle");
    }
}

pub(crate) async fn pause() {
    #[expect(clippy::disallowed_methods, reason = "a bus outside of this process delivers in its own time")]
    tokio::time::sleep(Duration::from_millis(5)).await;
}

async fn with_tables(store: Store) -> Store {
    store.migrate(stoa_events::migrations()).await.unwrap();
    let counted = match store.backend() {
        DbBackend::Postgres => "BIGSERIAL PRIMARY KEY",
        _ => "INTEGER PRIMARY KEY AUTOINCREMENT",
    };
    for table in [
        "CREATE TABLE state (tenant TEXT, name TEXT, version BIGINT, display_name TEXT, PRIMARY KEY (tenant, name))".to_owned(),
        format!(
            "CREATE TABLE program (tenant TEXT, id TEXT, version BIGINT, document {}, PRIMARY KEY (tenant, id))",
            if store.backend() == DbBackend::Postgres { "BYTEA" } else { "BLOB" }
        ),
        format!("CREATE TABLE effect (n {counted}, event_id TEXT, aggregate TEXT, version BIGINT)"),
    ] {
        store.write(table, |tx, sql| Box::pin(async move { tx.conn().execute_unprepared(sql).await.db().map(|_| ()) })).await.unwrap();
    }
    store
}

pub(crate) fn sql(backend: DbBackend, text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(backend, text, values)
}

/// The owner's write: state and event, in one transaction.
pub(crate) async fn write(store: &Store, cx: Cx, program: &str) -> Result<()> {
    store.write((cx, program.to_owned()), |tx, (cx, program)| Box::pin(next_version(tx, cx, program))).await
}

pub(crate) async fn next_version(tx: &Tx, cx: &Cx, name: &str) -> Result<()> {
    let before = documents::lock::<Programs>(tx, cx, names::last(name)).await?;
    let version = 1 + before.as_ref().map_or(0, |program| etag::version(&program.etag));
    let program = Program { name: name.to_owned(), display_name: format!("{name} in version {version}"), ..Default::default() };
    let program = match before {
        None => record_created::<Programs, ProgramCreated>(tx, cx, program).await?,
        Some(before) => record_changed::<Programs, ProgramUpdated>(tx, cx, &before, program).await?,
    };
    upsert(tx, &cx.tenant, &program, version).await
}

async fn upsert(tx: &Tx, tenant: &str, program: &Program, version: i64) -> Result<()> {
    let text = "INSERT INTO state (tenant, name, version, display_name) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, name) \
                DO UPDATE SET version = excluded.version, display_name = excluded.display_name WHERE excluded.version > state.version";
    let values = [tenant.into(), program.name.as_str().into(), version.into(), program.display_name.as_str().into()];
    tx.conn().execute_raw(sql(tx.backend(), text, values)).await.db()?;
    Ok(())
}

/// Lets the event that created a program have so many bytes, and its text as
/// many as fit.
pub(crate) async fn enlarge(store: &Store, program: &str, bytes: usize) {
    let text = "x".repeat(bytes);
    let event = ProgramCreated { program: Some(Program { name: program.to_owned(), display_name: text, ..Default::default() }) };
    let mut data = event.encode_to_vec();
    // Only the text is shortened: both lengths before it stay as long.
    let extra = data.len() - bytes;
    if let Some(program) = event.program {
        let display_name = program.display_name[extra..].to_owned();
        data = ProgramCreated { program: Some(Program { display_name, ..program }) }.encode_to_vec();
    }
    let work = (data, program.to_owned());
    let change = "UPDATE event_log SET data = $1 WHERE aggregate = $2";
    let done = store.write(work, move |tx, (data, name)| {
        let statement = sql(tx.backend(), change, [data.clone().into(), name.as_str().into()]);
        Box::pin(async move { tx.conn().execute_raw(statement).await.db().map(|done| done.rows_affected()) })
    });
    assert_eq!(done.await.unwrap(), 1);
}

/// The state in a store: version and text by program.
pub(crate) async fn state(store: &Store) -> BTreeMap<String, (i64, String)> {
    let rows = store.read().query_all_raw(sql(store.backend(), "SELECT * FROM state", [])).await.unwrap();
    let read = |row: sea_orm::QueryResult| {
        (row.try_get("", "name").unwrap(), (row.try_get("", "version").unwrap(), row.try_get("", "display_name").unwrap()))
    };
    rows.into_iter().map(read).collect()
}

/// The effects of handlers, in order: program and version.
pub(crate) async fn effects(store: &Store) -> Vec<(String, i64)> {
    let rows = store.read().query_all_raw(sql(store.backend(), "SELECT * FROM effect ORDER BY n", [])).await.unwrap();
    rows.into_iter().map(|row| (row.try_get("", "aggregate").unwrap(), row.try_get("", "version").unwrap())).collect()
}

/// Failures that a test plans: (program, version) → how often, and which.
#[derive(Clone, Default)]
pub(crate) struct Plan(Arc<Mutex<Failures>>);

type Failures = HashMap<(String, i64), (u32, Error)>;

impl Plan {
    pub(crate) fn fail(&self, program: &str, version: i64, times: u32, error: Error) {
        self.0.lock().unwrap().insert((program.to_owned(), version), (times, error));
    }

    pub(crate) fn mend(&self) {
        self.0.lock().unwrap().clear();
    }

    fn check(&self, program: &str, version: i64) -> Result<()> {
        match self.0.lock().unwrap().get_mut(&(program.to_owned(), version)) {
            Some((times, error)) if *times > 0 => {
                *times -= 1;
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }
}

/// A handler from a closure.
pub(crate) fn handling(function: impl for<'a> Fn(&'a Tx, &'a Event) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static) -> Handler {
    Arc::new(function)
}

/// Keeps a copy of the state and notes every run. If it is to fail, it does so
/// after it has written: a failure must undo the writes.
pub(crate) fn copy(name: &'static str, on_failure: OnFailure, plan: &Plan) -> Subscription {
    let plan = plan.clone();
    let handler = handling(move |tx, event| {
        let plan = plan.clone();
        Box::pin(async move {
            let program = match event.subject.as_str() {
                "onboard.program.created" => decode::<ProgramCreated>(event)?.program,
                _ => decode::<ProgramUpdated>(event)?.program,
            };
            upsert(tx, &event.tenant, &program.unwrap_or_default(), event.version).await?;
            let values = [event.event_id.as_str().into(), event.aggregate.as_str().into(), event.version.into()];
            let text = "INSERT INTO effect (event_id, aggregate, version) VALUES ($1, $2, $3)";
            tx.conn().execute_raw(sql(tx.backend(), text, values)).await.db()?;
            plan.check(&event.aggregate, event.version)
        })
    });
    Subscription { name, source: "onboard", subjects: &["onboard.program."], on_failure, handler }
}

/// A permanent failure.
pub(crate) fn broken() -> Error {
    Error::precondition(ErrorReason::StateInvalid, "the handler cannot take this event")
}

/// A transient failure.
pub(crate) fn away() -> Error {
    Error::unavailable("the handler's peer is down")
}
