//! The door of a process: what a request has to pass before anything is done for it.
//!
//! Nothing is read or parsed for a caller who is not authenticated. A caller who is
//! gets a fair share of requests per second, of requests in progress, of bytes, and of
//! streams. All of it is counted per caller and per tenant, so that a caller who sends
//! too much is refused, and nobody else is.

mod body;
mod connection;
mod quota;
mod rates;
mod shares;
mod signed;
mod unread;
mod visitor;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use stoa_auth::{Access, Identity};
use stoa_kernel::{Error, Kind, Result, ids};
use stoa_proto::common::v1::ErrorReason;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout},
};
use tonic::{Status, body::Body};

pub(crate) use body::{Holding, Messages, full};
pub use connection::STRANGER_MAX;
pub(crate) use connection::{Connection, Connections};
pub use quota::Charge;
pub(crate) use quota::{Most, Quota};
pub use rates::RateState;
use rates::Rates;
pub(crate) use rates::{LEFT, POLICY};
use shares::{Share, Shares};
pub use shares::{WAITING_PER_CALLER_MAX, WAITING_PER_TENANT_MAX};
pub use unread::{ANSWER_READ_MAX, Whole};
pub use visitor::{Origin, Refusal, Rows, Visitor};
pub(crate) use visitor::{Turn, Who};

use crate::{
    Limits, arrival,
    observe::{Call, Meters},
};

/// Time that a request waits until its token can be verified.
const ARRIVAL_WAIT: Duration = Duration::from_secs(2);
/// Time that a request waits for its share.
const SHARE_WAIT: Duration = Duration::from_secs(1);
/// Time that a group of rows waits for its share: a stream that fails has to be sent
/// again.
pub const ROWS_SHARE_WAIT: Duration = Duration::from_secs(10);
/// Time for which the refusal of a request that exceeds a rate is held back.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);
/// Refusals that are held back at once. Further ones are answered at once.
const SLOWED_MAX: usize = 2000;
/// Time without progress after which a process that accepts nothing is not ready.
const STUCK_MAX: Duration = Duration::from_secs(10);
/// How many times the streams of one caller all callers of a tenant may open.
const STREAMS_TENANT_FACTOR: usize = 8;
/// Maximum size of one message of a stream that a caller sends, in bytes.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// Header with which a gateway of the suite says that it has counted the request.
pub(crate) const PASSED_ON: &str = "stoa-passed-on";

/// The door of a process. Clones are the same door: the gateway, the services and
/// what is passed on share its limits.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    access: Access,
    limits: Limits,
    arrivals: Semaphore,
    rates: Rates,
    bytes: Quota,
    /// Bytes of calls between services, which are a part of requests that count.
    internal_bytes: Quota,
    streams: Quota,
    /// Bytes of answers that their callers have not taken.
    unread: Quota,
    shares: Shares,
    /// Calls between services have shares of their own: in one process, they would
    /// otherwise wait for the request that they are a part of.
    internal: Arc<Semaphore>,
    connections: Connections,
    /// Refused requests whose answers wait for a moment.
    slowed: Semaphore,
    meters: Meters,
}

impl Door {
    /// Creates the door of a process.
    #[must_use]
    pub fn new(access: Access, limits: Limits) -> Self {
        let bytes = limits.buffered_bytes_max;
        let streams = limits.streams_per_caller_max;
        Self(Arc::new(Inner {
            arrivals: Semaphore::new(limits.arrivals_max),
            rates: Rates::new(&limits),
            bytes: Quota::new(Most { in_total: bytes, per_tenant: bytes / 2, per_caller: bytes / 4 }),
            internal_bytes: Quota::new(Most { in_total: usize::MAX, per_tenant: usize::MAX, per_caller: usize::MAX }),
            streams: Quota::new(Most {
                in_total: usize::MAX,
                per_tenant: streams.saturating_mul(STREAMS_TENANT_FACTOR),
                per_caller: streams,
            }),
            unread: Quota::new(Most { in_total: usize::MAX, per_tenant: bytes / 2, per_caller: bytes / 4 }),
            shares: Shares::new(limits.concurrency_max),
            internal: Arc::new(Semaphore::new(limits.concurrency_max)),
            connections: Connections::new(&limits),
            slowed: Semaphore::new(SLOWED_MAX),
            meters: Meters::new(),
            access,
            limits,
        }))
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// Records a call that was not let in, and returns the ID by which it is found.
    #[must_use]
    pub fn note_refusal(&self, method: &str, headers: &HeaderMap, refused: &Status) -> String {
        let id = arrival::given(headers).unwrap_or_else(ids::new_id);
        let span = tracing::info_span!("refused", request_id = id);
        Call::start(&self.0.meters, method, &id, &span).end(refused.code());
        id
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// Why the process cannot take requests, for its readiness. A process that is
    /// busy can: it shares its places out. One that gets none done cannot.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let for_long = |time: Duration| (time >= STUCK_MAX).then_some(time.as_secs());
        if let Some(seconds) = for_long(self.0.connections.full_for()) {
            return Some(format!("no connection can be accepted for {seconds} s (limits.connections_max)"));
        }
        let seconds = for_long(self.0.shares.stuck_for())?;
        Some(format!("all requests in progress have been stuck for {seconds} s (limits.concurrency_max)"))
    }

    /// Lets the caller of a method in, by the headers alone. Requests from the network
    /// count against the caller's rate, and those of the process itself do not.
    ///
    /// # Errors
    /// The refusal, and the rate that was exceeded if that is why.
    pub async fn arrive(&self, method: &str, headers: &HeaderMap, from: Option<&Origin>) -> Result<Visitor, Refusal> {
        let identity = self.identify(method, headers, from).await?;
        let Some(known) = &identity else { return Ok(Visitor { identity, rate: None, who: None }) };
        let who = (!known.internal).then(|| Who::of(known));
        let (rate, taken) = match &who {
            Some(who) if from.is_some() && !self.is_passed_on(headers) => {
                let (rate, taken) = self.0.rates.take(who);
                (Some(rate), taken)
            }
            _ => (None, Ok(())),
        };
        // What a caller may not do counts as well.
        if let Err(error) = taken {
            self.slow_down().await;
            return Err(Refusal { error, rate });
        }
        match self.0.access.judge(method, known) {
            Ok(()) => Ok(Visitor { identity, rate, who }),
            Err(error) => Err(Refusal { error, rate }),
        }
    }

    /// Keeps whoever asks too much waiting for a moment: a client that does not heed
    /// refusals would otherwise be refused as fast as it can ask.
    async fn slow_down(&self) {
        if let Ok(_place) = self.0.slowed.try_acquire() {
            sleep_until(Instant::now() + REFUSAL_PAUSE).await;
        }
    }

    async fn identify(&self, method: &str, headers: &HeaderMap, from: Option<&Origin>) -> Result<Option<Identity>> {
        let connection = from.map(|origin| &origin.0);
        let address = connection.and_then(Connection::address);
        if let (Some(connection), Some(address)) = (connection, address)
            && self.0.rates.shuts_out(address)
            && !self.0.access.knows(headers)
        {
            connection.end_without_caller();
            self.slow_down().await;
            let text = "too many tokens from this address were refused. Wait a second, and retry with a valid token.";
            return Err(Error::new(Kind::ResourceExhausted, ErrorReason::RateLimited, text).retry_after_ms(1000));
        }
        let permit = timeout(ARRIVAL_WAIT, self.0.arrivals.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err(overloaded("too many requests are arriving")) };
        let identity = self.0.access.authenticate(method, headers).await;
        match &identity {
            Ok(Some(_)) => connection.into_iter().for_each(Connection::has_caller),
            Err(error) if error.kind() != Kind::Unavailable && address.is_some_and(|address| self.0.rates.refused(address)) => {
                self.slow_down().await;
            }
            _ => {}
        }
        identity
    }

    /// Whether another process of the suite has counted the request.
    fn is_passed_on(&self, headers: &HeaderMap) -> bool {
        headers.get(PASSED_ON).and_then(|value| value.to_str().ok()).is_some_and(|token| self.0.access.is_gateway(token))
    }

    /// Maximum size of one message of a caller, in bytes.
    #[must_use]
    pub fn message_bytes_max(&self, visitor: &Visitor) -> usize {
        let limits = &self.0.limits;
        let has_link = visitor.who.as_ref().is_some_and(|who| who.has_link);
        if has_link { limits.link_bytes_max.min(limits.message_bytes_max) } else { limits.message_bytes_max }
    }

    /// Maximum size of one message of a stream, in bytes: no row is larger than the
    /// object that it becomes.
    #[must_use]
    pub fn row_bytes_max(&self, visitor: &Visitor) -> usize {
        self.message_bytes_max(visitor).min(ROW_BYTES_MAX)
    }

    /// Reads the body of a request whole, in the time that bodies have and at most
    /// until it is due. The charge gives its bytes back when it is dropped.
    ///
    /// # Errors
    /// `too_large` if it has more than `bytes_max` bytes, RESOURCE_EXHAUSTED,
    /// DEADLINE_EXCEEDED.
    pub async fn read<B>(
        &self,
        visitor: &Visitor,
        body: B,
        bytes_max: usize,
        due: Option<std::time::Instant>,
        too_large: impl Fn() -> Error,
    ) -> Result<(Bytes, Charge)>
    where
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
    {
        let until = Instant::now() + Duration::from_millis(self.0.limits.body_read_ms_max);
        let until = due.map_or(until, |due| until.min(due.into()));
        let mut charge = self.charge(visitor);
        let bytes = body::whole(body, bytes_max, until, &mut charge, too_large).await?;
        Ok((bytes, charge))
    }

    /// Checks the sender's signature if a method takes webhooks. `frame` is the whole
    /// request.
    ///
    /// # Errors
    /// UNAUTHENTICATED `LINK_INVALID`.
    pub(crate) fn verify_webhook(&self, visitor: &Visitor, parts: &Parts, frame: &Bytes) -> Result<()> {
        let access = &self.0.access;
        let Some(identity) = visitor.identity.as_ref().filter(|_| access.is_webhook(parts.uri.path())) else { return Ok(()) };
        access.verify_webhook(identity, &parts.headers, &signed::payload(frame)?)
    }

    /// Refuses a caller who does not read the answers that it has asked for.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED `OVERLOADED`.
    pub(crate) fn require_reader(&self, visitor: &Visitor) -> Result<()> {
        match &visitor.who {
            Some(who) if self.0.unread.is_used_up(who) => Err(overloaded("too many answers wait for the caller to read them")),
            _ => Ok(()),
        }
    }

    /// An answer of a service, whose bytes count until the caller has taken them.
    pub(crate) async fn whole(&self, visitor: &Visitor, body: Body) -> Whole {
        Whole::of(body, self.unread(visitor)).await
    }

    /// An answer of text, whose bytes count until the caller has taken them.
    #[must_use]
    pub fn text(&self, visitor: &Visitor, bytes: Bytes) -> Whole {
        Whole::text(bytes, self.unread(visitor))
    }

    fn unread(&self, visitor: &Visitor) -> Option<Charge> {
        visitor.who.as_ref().map(|who| self.0.unread.charge(who))
    }

    /// Counts a message of a stream as a request.
    pub(crate) fn counted(&self, visitor: &Visitor) -> Option<Box<dyn Fn() -> Result<()> + Send>> {
        let (door, who) = (self.clone(), visitor.who.clone()?);
        Some(Box::new(move || door.0.rates.take(&who).1))
    }

    /// A charge for bytes of a caller, at first for none.
    #[must_use]
    pub fn charge(&self, visitor: &Visitor) -> Charge {
        match &visitor.who {
            Some(who) => self.0.bytes.charge(who),
            None => self.0.internal_bytes.charge(&Who { tenant: "".into(), caller: "".into(), has_link: false }),
        }
    }

    /// Waits until it is the caller's turn.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED `OVERLOADED` if that takes too long.
    pub(crate) async fn turn(&self, visitor: &Visitor) -> Result<Turn> {
        self.turn_within(visitor.identity.is_some(), visitor.who.as_ref(), SHARE_WAIT).await
    }

    async fn turn_within(&self, is_known: bool, who: Option<&Who>, wait: Duration) -> Result<Turn> {
        let refused = || overloaded("too many requests are in progress");
        match who {
            Some(who) => self.0.shares.take(who, wait).await.map(|share| Turn::Share { _share: share }).ok_or_else(refused),
            None if is_known => match timeout(wait, self.0.internal.clone().acquire_owned()).await {
                Ok(Ok(permit)) => Ok(Turn::Internal { _permit: permit }),
                _ => Err(refused()),
            },
            None => Ok(Turn::Public),
        }
    }

    /// Opens a stream of the caller.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED `OVERLOADED` if the caller or its tenant has too many.
    pub(crate) fn stream(&self, visitor: &Visitor) -> Result<Option<Charge>> {
        let Some(who) = &visitor.who else { return Ok(None) };
        let mut charge = self.0.streams.charge(who);
        if charge.add(1) {
            return Ok(Some(charge));
        }
        Err(overloaded("too many of the caller's streams are open").with_metadata("limit", "limits.streams_per_caller_max"))
    }

    pub(crate) fn rows(&self, visitor: &Visitor) -> Rows {
        Rows(Some((self.clone(), visitor.identity.is_some(), visitor.who.clone())))
    }
}

pub(crate) fn overloaded(what: &str) -> Error {
    Error::new(Kind::ResourceExhausted, ErrorReason::Overloaded, format!("{what}. Wait a second and retry.")).retry_after_ms(1000)
}
