//! Records a change: the row and the events of its versions, in the transaction
//! that makes them facts.

use prost::Message;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag};
use stoa_proto::resource::{Aggregate, Event};
use stoa_store::{Documents, Tx, documents};

use crate::{
    append::{self, Entry},
    changes,
};

/// A version of an aggregate and the event that led to it.
#[derive(Debug, Clone)]
pub struct Step<A> {
    state: A,
    at: Option<Timestamp>,
    event: EventType<A>,
}

/// The message of an event without its content.
#[derive(Debug)]
struct EventType<A> {
    subject: &'static str,
    message: fn() -> String,
    encode: fn(&A, &[u8]) -> Vec<u8>,
}

impl<A> Clone for EventType<A> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<A: Aggregate> EventType<A> {
    fn new<E: Event<Aggregate = A>>() -> Self {
        Self { subject: E::SUBJECT, message: E::full_name, encode: E::encode_event }
    }

    /// The log entry for a version of an aggregate.
    fn entry<'a>(&self, state: &'a A, document: &[u8], changed: &'a [&'static str], occurred: Timestamp) -> Entry<'a> {
        Entry {
            subject: self.subject,
            message_type: (self.message)(),
            aggregate: state.resource_name(),
            version: etag::version(state.etag()),
            occurred,
            partner: state.partner(),
            changed,
            data: (self.encode)(state, document),
        }
    }
}

impl<A: Aggregate> Step<A> {
    /// The state that an event `E` led to, as of now.
    #[must_use]
    pub fn new<E: Event<Aggregate = A>>(state: A) -> Self {
        Self { state, at: None, event: EventType::new::<E>() }
    }

    /// Sets when the step happened, if that differs from when it is recorded:
    /// imported history, or what was due before.
    #[must_use]
    pub const fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// The state that the event led to.
    #[must_use]
    pub const fn state(&self) -> &A {
        &self.state
    }
}

/// Writes the last of the steps over the version `before`, or as a new row, and
/// one event per step. Each step is the next version. Its etag and times are
/// set here, and the fields that it changed are found by comparing. A step that
/// changes nothing is left out. Returns the aggregate as it was recorded.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH` if the row has another version, the failure of
/// [`Documents::taken`] if a unique key of a new row is taken, INTERNAL if
/// there is neither a previous version nor a step.
pub async fn record<T: Documents>(
    tx: &Tx,
    cx: &Cx,
    before: Option<&T::Document>,
    steps: impl IntoIterator<Item = Step<T::Document>>,
) -> Result<T::Document> {
    let recorded_version = before.map_or(0, |document| etag::version(document.etag()));
    let mut version = recorded_version;
    let mut document = before.map(Message::encode_to_vec).unwrap_or_default();
    let mut last = None;
    for Step { mut state, at, event } in steps {
        state.set_version(etag::of_version(version + 1), cx.now.proto(), version == 0);
        let next = state.encode_to_vec();
        let changed = if version == 0 { Vec::new() } else { changes::fields(T::Document::FIELDS, &document, &next) };
        if version > 0 && changed.is_empty() {
            continue;
        }
        version += 1;
        append::append(tx, cx, event.entry(&state, &next, &changed, at.unwrap_or(cx.now)));
        document = next;
        last = Some(state);
    }
    match (last, before) {
        (Some(last), None) => documents::insert::<T>(tx, cx, &last, document).await.map(|()| last),
        (Some(last), Some(_)) => documents::save::<T>(tx, cx, &last, document, recorded_version).await.map(|()| last),
        (None, Some(before)) => Ok(before.clone()),
        (None, None) => Err(Error::internal("nothing to record: no previous version and no step")),
    }
}

/// Records a new aggregate with its one event.
///
/// # Errors
/// As for [`record`].
pub async fn record_created<T, E>(tx: &Tx, cx: &Cx, state: T::Document) -> Result<T::Document>
where
    T: Documents,
    E: Event<Aggregate = T::Document>,
{
    record::<T>(tx, cx, None, [Step::new::<E>(state)]).await
}

/// Records a new aggregate unless its name exists. The existing one then stays,
/// and nothing is recorded. For names that follow from what they stand for.
///
/// # Errors
/// If the store cannot be written.
pub async fn record_first<T: Documents>(tx: &Tx, cx: &Cx, step: Step<T::Document>) -> Result<Option<T::Document>> {
    Ok(record_each_first::<T>(tx, cx, [step]).await?.pop().flatten())
}

/// As [`record_first`], of many aggregates in one statement. The answers are in
/// the order of the steps; of two with one name, the first is recorded.
///
/// # Errors
/// If the store cannot be written.
pub async fn record_each_first<T: Documents>(
    tx: &Tx,
    cx: &Cx,
    steps: impl IntoIterator<Item = Step<T::Document>>,
) -> Result<Vec<Option<T::Document>>> {
    let mut steps: Vec<Step<T::Document>> = steps.into_iter().collect();
    for step in &mut steps {
        step.state.set_version(etag::of_version(1), cx.now.proto(), true);
    }
    let documents = steps.iter().map(|step| (&step.state, step.state.encode_to_vec())).collect();
    let is_new = documents::insert_first::<T>(tx, cx, documents).await?;
    let record = |(Step { state, at, event }, is_new): (Step<T::Document>, bool)| {
        is_new.then(|| {
            append::append(tx, cx, event.entry(&state, &state.encode_to_vec(), &[], at.unwrap_or(cx.now)));
            state
        })
    };
    Ok(steps.into_iter().zip(is_new).map(record).collect())
}

/// Records the next version of an aggregate with its one event. Returns the
/// previous version if nothing differs.
///
/// # Errors
/// As for [`record`].
pub async fn record_changed<T, E>(tx: &Tx, cx: &Cx, before: &T::Document, state: T::Document) -> Result<T::Document>
where
    T: Documents,
    E: Event<Aggregate = T::Document>,
{
    record::<T>(tx, cx, Some(before), [Step::new::<E>(state)]).await
}

/// Deletes the row of an aggregate and records its last event.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH` if the row has another version.
pub async fn record_erased<T, E>(tx: &Tx, cx: &Cx, before: &T::Document) -> Result<()>
where
    T: Documents,
    E: Event<Aggregate = T::Document>,
{
    documents::delete::<T>(tx, cx, before).await?;
    let mut last = before.clone();
    last.set_version(etag::next(before.etag()), cx.now.proto(), false);
    append::append(tx, cx, EventType::new::<E>().entry(&last, &last.encode_to_vec(), &[], cx.now));
    Ok(())
}
