//! Applies another service's events from the stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use futures::StreamExt;
use stoa_kernel::{Clock, Error, Result, clock::wall_now};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::events::v1::Event;
use stoa_store::Store;
use tokio::time::timeout;

use super::{Bus, envelope, gaps::Gaps, refusals::Refusals};
use crate::{
    ahead::{self, Applied},
    apply::{Applier, Disposition, Mark, Outcome, backoff_ms},
    inbox, parked,
    source::Source,
    subscription::Subscription,
};

/// Maximum number of events that one transaction applies.
pub(super) const EVENTS_PER_RUN_MAX: usize = 256;
/// Maximum number of bytes of the messages that one transaction applies, unless a
/// message may be larger.
const MESSAGE_BYTES_PER_RUN_MAX: usize = 8 * 1024 * 1024;
/// Maximum number of events delivered and not acknowledged, for all replicas
/// together.
const EVENTS_PENDING_MAX: i64 = 4096;
/// Time after which the server considers a replica gone and gives its events to
/// another.
const ACK_WAIT: Duration = Duration::from_secs(60);
/// The pause after a first transient failure.
const BACKOFF_MS: u64 = 100;
/// How long the server may take to send the next message of a batch. The limit
/// is kept here and not in the request: with `expires`, the server keeps a
/// request open that finds no event, so that a single event would wait that
/// long.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Applies the events that a service's subscriptions take from one source. All
/// replicas of the service share one durable consumer.
pub struct Consumer {
    pub(super) bus: Bus,
    pub(super) store: Store,
    pub(super) source: &'static str,
    pull: PullConsumer,
    appliers: Vec<Applier>,
    refusals: Refusals,
    pub(super) gaps: Option<Gaps>,
    retention: Duration,
    backoff_ms: u64,
    answer_within: Duration,
}

/// A message and its event.
struct Delivery {
    message: Message,
    event: Event,
    /// How often the server delivered it, for whatever reason.
    delivered: i64,
}

impl Consumer {
    /// Creates the consumer of `service` for its subscriptions to `source`.
    /// `retention` is how long the inbox remembers events.
    ///
    /// # Errors
    /// FAILED_PRECONDITION `INBOX_RETENTION_TOO_SHORT` if the stream keeps
    /// events for as long or longer, because it could then deliver an event
    /// that the inbox has forgotten. UNAVAILABLE if the server refuses.
    pub async fn new(
        bus: Bus,
        store: Store,
        service: &str,
        source: &'static str,
        subscriptions: Vec<Subscription>,
        clock: Clock,
        retention: Duration,
    ) -> Result<Self> {
        let max_age = bus.max_age().await?;
        if max_age.is_zero() || retention <= max_age {
            let message = format!(
                "the inbox of {service} keeps events for {} s and stream {} for {} s (0: forever). Let the inbox keep them longer.",
                retention.as_secs(),
                bus.config.stream,
                max_age.as_secs()
            );
            return Err(Error::precondition(ErrorReason::InboxRetentionTooShort, message));
        }
        let config = pull::Config {
            durable_name: Some(format!("{service}-{source}")),
            filter_subject: envelope::filter(&bus.config.prefix, source),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: EVENTS_PENDING_MAX,
            // We park events ourselves: the server never gives up.
            max_deliver: -1,
            ..Default::default()
        };
        let pull = bus.context.create_consumer_on_stream(config, &bus.config.stream).await.map_err(Error::unavailable)?;
        let taken = subscriptions.into_iter().filter(|subscription| subscription.source == source);
        let appliers = taken.map(|subscription| Applier::new(store.clone(), subscription, clock.clone())).collect();
        let (refusals, gaps) = (Refusals::default(), None);
        Ok(Self { bus, store, source, pull, appliers, refusals, gaps, retention, backoff_ms: BACKOFF_MS, answer_within: ANSWER_WITHIN })
    }

    /// Adds the log behind the stream. Events that the stream lost, or deleted
    /// before they were applied, are read from there.
    #[must_use]
    pub fn with_archive(mut self, archive: Arc<dyn Source>) -> Self {
        self.gaps = Some(Gaps::new(archive));
        self
    }

    /// Sets another pause after a first failure.
    #[must_use]
    pub const fn backoff_ms(mut self, base: u64) -> Self {
        self.backoff_ms = base;
        self
    }

    /// Sets another limit on the time that the server may take to send the next
    /// message of a batch.
    #[must_use]
    pub const fn answer_within(mut self, limit: Duration) -> Self {
        self.answer_within = limit;
        self
    }

    /// Applies what the stream has for us now. Returns how many events were
    /// delivered, including those that will be delivered again.
    ///
    /// # Errors
    /// UNAVAILABLE if the stream cannot be read, and the errors of the store.
    pub async fn run_once(&self) -> Result<u64> {
        let supplied = self.close_gaps_when_due().await;
        let messages = self.fetch(EVENTS_PER_RUN_MAX).await?;
        Ok(supplied + self.take(messages, Vec::new()).await?)
    }

    /// Like [`Self::run_once`], but waits for an event first.
    ///
    /// # Errors
    /// As for [`Self::run_once`].
    pub async fn wait_and_run(&self, wait: Duration) -> Result<u64> {
        let supplied = self.close_gaps_when_due().await;
        if supplied > 0 {
            return Ok(supplied);
        }
        let mut first = self.pull.batch().max_messages(1).expires(wait).messages().await.map_err(Error::unavailable)?;
        let Some(message) = first.next().await else { return Ok(0) };
        let message = message.map_err(Error::unavailable)?;
        let more = self.fetch(EVENTS_PER_RUN_MAX - 1).await?;
        self.take(more, vec![message]).await
    }

    /// Number of events that the stream has for us and that are not
    /// acknowledged.
    ///
    /// # Errors
    /// UNAVAILABLE if the server does not answer.
    pub async fn lag(&self) -> Result<u64> {
        let info = self.pull.get_info().await.map_err(Error::unavailable)?;
        Ok(info.num_pending + info.num_ack_pending as u64)
    }

    /// Number of parked events of all subscriptions.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn parked_count(&self) -> Result<u64> {
        let mut total = 0;
        for applier in &self.appliers {
            total += parked::count(&self.store, applier.subscription()).await?;
        }
        Ok(total)
    }

    /// Forgets events that the stream can no longer deliver, at most `rows_max`.
    /// Returns how many. Fewer than `rows_max` means that none is left.
    ///
    /// # Errors
    /// The errors of the store.
    pub async fn prune(&self, rows_max: u64) -> Result<u64> {
        let retention = i64::try_from(self.retention.as_micros()).unwrap_or(i64::MAX);
        inbox::prune(&self.store, wall_now().plus_micros(-retention), rows_max).await
    }

    async fn fetch(&self, messages_max: usize) -> Result<pull::Batch> {
        // A message above the limit would never be delivered.
        let bytes_max = MESSAGE_BYTES_PER_RUN_MAX.max(2 * self.bus.context.client().max_payload());
        self.pull.fetch().max_messages(messages_max).max_bytes(bytes_max).messages().await.map_err(Error::unavailable)
    }

    /// Adds the messages of a batch until it ends. A batch ends with an error if
    /// the next message would exceed its bytes. It never ends on its own if its
    /// end was lost, with the connection or with the stream's leader.
    async fn receive(&self, mut batch: pull::Batch, messages: &mut Vec<Message>) -> Result<()> {
        loop {
            match timeout(self.answer_within, batch.next()).await {
                Ok(Some(Ok(message))) => messages.push(message),
                Ok(Some(Err(error))) if messages.is_empty() => return Err(Error::unavailable(error)),
                Ok(Some(Err(_)) | None) => return Ok(()),
                Err(_) if messages.is_empty() => {
                    return Err(Error::unavailable(format!("stream {} has not answered in time", self.bus.config.stream)));
                }
                Err(_) => {
                    tracing::warn!(
                        source = self.source,
                        received = messages.len(),
                        "the stream did not end a batch; applying what has arrived"
                    );
                    return Ok(());
                }
            }
        }
    }

    async fn take(&self, batch: pull::Batch, mut messages: Vec<Message>) -> Result<u64> {
        self.receive(batch, &mut messages).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let count = messages.len() as u64;
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in messages {
            deliveries.extend(open(message).await?);
        }
        let events: Vec<&Event> = deliveries.iter().map(|delivery| &delivery.event).collect();
        let result = self.apply(0, &events).await;
        for (i, delivery) in deliveries.iter().enumerate() {
            // Nothing of a batch is acknowledged before its transactions have
            // committed.
            let attempt = match &result {
                Ok(failed) => failed.get(&i).copied(),
                Err(_) => Some(delivery.delivered),
            };
            let again = |attempt| AckKind::Nak(Some(Duration::from_millis(backoff_ms(self.backoff_ms, attempt))));
            delivery.message.ack_with(attempt.map_or(AckKind::Ack, again)).await.map_err(Error::unavailable)?;
        }
        self.bus.context.client().flush().await.map_err(Error::unavailable)?;
        result.map(|_| count)
    }

    /// Applies all events to every subscription, and notes how far this brings
    /// us if nothing up to `from` is missing. Returns the events that must be
    /// delivered again, by their index, and how often they have been tried.
    pub(super) async fn apply(&self, from: i64, events: &[&Event]) -> Result<BTreeMap<usize, i64>> {
        let mut failed = BTreeMap::new();
        for applier in &self.appliers {
            let indexes: Vec<usize> = (0..events.len()).filter(|i| applier.subscription().takes(&events[*i].subject)).collect();
            let taken: Vec<Event> = indexes.iter().map(|i| events[*i].clone()).collect();
            if taken.is_empty() {
                continue;
            }
            if let Outcome::Applied = applier.attempt(taken, Mark::Inbox).await? {
                continue;
            }
            for i in indexes {
                if let Some(attempt) = self.apply_one(applier, events[i]).await? {
                    failed.insert(i, attempt);
                }
            }
        }
        if self.gaps.is_some() {
            let done = events.iter().enumerate().filter(|(i, _)| !failed.contains_key(i));
            let positions: BTreeSet<i64> = done.map(|(_, event)| event.position).collect();
            let applied = Applied { source: self.source, from, positions };
            self.store.write(applied, |tx, applied| Box::pin(ahead::note(tx, applied))).await?;
        }
        Ok(failed)
    }

    /// Applies one event. Returns the attempt if the event must be delivered
    /// again. Only a refusal by the handler counts as an attempt: the server
    /// also delivers again what our own store could not take.
    async fn apply_one(&self, applier: &Applier, event: &Event) -> Result<Option<i64>> {
        let attempt = 1 + self.refusals.count(applier.key(), &event.event_id);
        match applier.apply_or_park(event.clone(), Mark::Inbox, attempt).await? {
            Disposition::Retry => {
                self.refusals.increment(applier.key(), &event.event_id);
                Ok(Some(attempt))
            }
            Disposition::Done => {
                self.refusals.forget(applier.key(), &event.event_id);
                Ok(None)
            }
        }
    }
}

/// Reads a message. A message that is not an event of ours is taken off the
/// consumer, which would otherwise receive it forever.
async fn open(message: Message) -> Result<Option<Delivery>> {
    let delivered = message.info().map_err(Error::unavailable)?.delivered;
    match envelope::event(message.headers.as_ref(), &message.payload) {
        Ok(event) => Ok(Some(Delivery { message, event, delivered })),
        Err(error) => {
            tracing::error!(
                subject = message.subject.as_str(),
                cause = error.cause(),
                "a message of the stream is not an event and is dropped"
            );
            message.ack_with(AckKind::Term).await.map_err(Error::unavailable)?;
            Ok(None)
        }
    }
}
