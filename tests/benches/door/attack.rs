//! The attacks, each for the time of a phase.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use futures::future::join_all;
use stoa_tests::door::{Connection, Line, Reply, limit::UNLIMITED};

/// Deals that are updated.
pub(crate) const DEALS: usize = 8;

const LIST: &str = "/stoa.sell.v1.ProductLineService/ListProductLines";
const JUNK: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Imp1bmsifQ.eyJpc3MiOiJqdW5rIn0.c2lnbmF0dXJl";
/// Calls at once of an attack at full speed.
const IN_FLIGHT: usize = 64;
/// An attacker that was refused within this time waits for the rest of it, so
/// that it attacks by what it holds rather than by its speed.
const AGAIN: Duration = Duration::from_millis(100);

/// How to attack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Nothing,
    OpenStreams,
    StalledUploads,
    JunkBodies,
    JunkTokens,
    FullSpeed,
    OversizedUpdates,
    HangingKeys,
}

/// An attack, and the limits of the process that it is made on.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    pub(crate) limits: &'static [(&'static str, u64)],
}

const fn attack(name: &'static str, way: Way) -> Attack {
    Attack { name, way, limits: &[] }
}

pub(crate) const ATTACKS: [Attack; 9] = [
    attack("none", Way::Nothing),
    attack("open-streams", Way::OpenStreams),
    attack("stalled-uploads", Way::StalledUploads),
    attack("junk-bodies", Way::JunkBodies),
    attack("junk-tokens", Way::JunkTokens),
    attack("full-speed", Way::FullSpeed),
    // What fair shares do without rates.
    Attack { name: "full-speed-unrated", way: Way::FullSpeed, limits: &UNLIMITED },
    attack("oversized-updates", Way::OversizedUpdates),
    attack("hanging-keys", Way::HangingKeys),
];

/// What the attacker got.
#[derive(Default, Clone)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    /// 99th percentile of what was answered, in microseconds.
    pub(crate) p99_us: u64,
    took_us: Vec<u64>,
}

impl Tally {
    /// Reads what an attacker has printed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [answered, refused, failed, p99_us] = numbers[..] else { return None };
        Some(Self { answered, refused, failed, p99_us, took_us: Vec::new() })
    }

    fn print(&mut self) {
        self.took_us.sort_unstable();
        let p99 = self.took_us.get(self.took_us.len() * 99 / 100).copied().unwrap_or_default();
        println!("{} {} {} {p99}", self.answered, self.refused, self.failed);
    }
}

/// An attacker.
#[derive(Clone)]
struct Attacker {
    address: SocketAddr,
    token: String,
    /// Largest message of the process.
    bytes: usize,
    tally: Arc<Mutex<Tally>>,
}

/// Runs one attack and prints what it got: name, address, largest message and
/// token are the arguments.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [name, address, bytes, token] = arguments else { bail!("attack NAME ADDRESS BYTES TOKEN") };
    let attack = ATTACKS.iter().find(|attack| attack.name == name).with_context(|| format!("no attack {name}"))?;
    let attacker = Attacker { address: address.parse()?, token: token.clone(), bytes: bytes.parse()?, tally: Arc::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = body(attack.way, attacker.bytes);
    runtime.block_on(async {
        // Attacks end only by time.
        tokio::time::timeout(crate::PHASE, attacker.clone().attack(attack.way, body)).await.ok();
    });
    attacker.tally.lock().unwrap_or_else(PoisonError::into_inner).print();
    Ok(())
}

/// Returns the body of an attack, made once.
fn body(way: Way, bytes_max: usize) -> Bytes {
    match way {
        Way::StalledUploads => vec![b' '; bytes_max - 1].into(),
        // Expensive to read.
        Way::JunkBodies => format!("{{\"credits\":[{}{{}}]}}", "{},".repeat(1_330_000)).into(),
        // A name as long as fits, hidden behind violations in a field that the
        // mask does not name.
        Way::OversizedUpdates => {
            let credits = vec![r#"{"partner":"partners/north","shareBasisPoints":0}"#; 25].join(",");
            let name = "x".repeat((bytes_max - 4096).min(1_500_000));
            format!("{{\"credits\":[{credits}],\"customer\":{{\"displayName\":\"{name}\"}}}}").into()
        }
        _ => Bytes::new(),
    }
}

impl Attacker {
    async fn attack(self, way: Way, body: Bytes) {
        let token = self.token.clone();
        match way {
            Way::Nothing => std::future::pending().await,
            Way::OpenStreams => self.all(6, |a| a.hold_streams(87)).await,
            Way::StalledUploads => self.all(150, |a| a.stall(body.clone())).await,
            Way::JunkBodies => {
                let head = self.head("POST", "/v1/deals", JUNK, body.len());
                self.all(4, |a| a.send(head.clone(), body.clone())).await;
            }
            Way::JunkTokens => self.all(IN_FLIGHT, |a| a.call(JUNK.to_owned())).await,
            Way::FullSpeed => self.all(IN_FLIGHT, |a| a.call(token.clone())).await,
            // More than the process may have in progress.
            Way::HangingKeys => self.all(6, |a| a.hold_streams(100)).await,
            Way::OversizedUpdates => {
                let heads =
                    (0..DEALS).map(|nth| self.head("PATCH", &format!("/v1/deals/deal-{nth}?updateMask=customer"), &token, body.len()));
                join_all(heads.map(|head| tokio::spawn(self.clone().send(head, body.clone())))).await;
            }
        }
    }

    /// Runs a number of the same at once.
    async fn all<F: Future<Output = ()> + Send + 'static>(&self, count: usize, one: impl Fn(Self) -> F) {
        let tasks = (0..count).map(|_| tokio::spawn(one(self.clone())));
        join_all(tasks).await;
    }

    fn count(&self, start: Instant, passed: Option<bool>) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        match passed {
            Some(true) => {
                tally.answered += 1;
                tally.took_us.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            Some(false) => tally.refused += 1,
            None => tally.failed += 1,
        }
    }

    fn count_reply(&self, start: Instant, reply: &Result<Reply>) {
        self.count(start, reply.as_ref().ok().map(Reply::is_ok));
    }

    /// Calls one after the other on one connection.
    async fn call(self, token: String) {
        loop {
            let Ok(connection) = Connection::open(self.address).await else {
                continue_later(Instant::now()).await;
                continue;
            };
            loop {
                let start = Instant::now();
                let reply = connection.call(LIST, &[], &token).await;
                self.count_reply(start, &reply);
                if reply.is_err() {
                    continue_later(start).await;
                    break;
                }
            }
        }
    }

    /// Keeps calls open on one connection, without their bodies.
    async fn hold_streams(self, count: usize) {
        loop {
            let start = Instant::now();
            if let Ok(connection) = Connection::open(self.address).await {
                join_all((0..count).map(|_| self.hold(&connection))).await;
            }
            continue_later(start).await;
        }
    }

    async fn hold(&self, connection: &Connection) {
        loop {
            let start = Instant::now();
            let Ok(opened) = connection.begin(LIST, &self.token).await else { return };
            let reply = opened.reply().await;
            self.count_reply(start, &reply);
            if reply.is_err() {
                return;
            }
            continue_later(start).await;
        }
    }

    fn head(&self, method: &str, path: &str, token: &str, length: usize) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n",
            self.address
        )
    }

    /// Sends all but the last byte of a body.
    async fn stall(self, body: Bytes) {
        let head = self.head("POST", "/v1/deals", &self.token, body.len() + 1);
        loop {
            let start = Instant::now();
            self.attempt(start, &head, &body).await;
            continue_later(start).await;
        }
    }

    /// Sends one request after the other.
    async fn send(self, head: String, body: Bytes) {
        loop {
            let start = Instant::now();
            if !self.attempt(start, &head, &body).await {
                continue_later(start).await;
            }
        }
    }

    /// Sends a request on a connection of its own. Returns whether there is an
    /// answer.
    async fn attempt(&self, start: Instant, head: &str, body: &Bytes) -> bool {
        let Ok(mut line) = Line::open(self.address).await else { return false };
        line.send(head.to_owned());
        line.send(body.clone());
        let answer = line.answer().await.ok().flatten();
        self.count(start, answer.as_ref().map(|answer| answer.status == 200));
        answer.is_some()
    }
}

/// Waits until an attempt has taken at least [`AGAIN`].
async fn continue_later(start: Instant) {
    crate::pause(AGAIN.saturating_sub(start.elapsed())).await;
}
