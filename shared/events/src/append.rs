//! Writing a fact to the log, inside the transaction that makes it one.

use prost::{Message, Name};
use sea_orm::{ActiveValue::NotSet, EntityTrait, Set};
use stoa_kernel::{Cx, Error, Result, Timestamp, ids};
use stoa_proto::{describe::EVENT_SUBJECTS, events::v1::Event};
use stoa_store::{DbResult, Tx, is_unique_violation};

use crate::entity::{join_fields, log};

/// What a fact is about.
#[derive(Debug, Clone)]
pub struct Fact<'a> {
    aggregate: &'a str,
    version: i64,
    occurred: Option<Timestamp>,
    partner: &'a str,
    changed: Vec<String>,
}

impl<'a> Fact<'a> {
    /// A fact that took the aggregate, by its resource name, to a version.
    #[must_use]
    pub const fn new(aggregate: &'a str, version: i64) -> Self {
        Self { aggregate, version, occurred: None, partner: "", changed: Vec::new() }
    }

    /// When it happened, where that is not now: imported history.
    #[must_use]
    pub const fn occurred(mut self, at: Timestamp) -> Self {
        self.occurred = Some(at);
        self
    }

    /// The partner (`partners/{partner}`) whose fact it is; empty for none.
    #[must_use]
    pub const fn partner(mut self, name: &'a str) -> Self {
        self.partner = name;
        self
    }

    /// Paths of the fields that changed.
    #[must_use]
    pub fn changed(mut self, paths: Vec<String>) -> Self {
        self.changed = paths;
        self
    }
}

/// Appends a fact to the log; returns its event id. The fact exists if and only
/// if the transaction commits.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH` where the aggregate has an event of this version
/// already, that is where another write came first; INTERNAL for a message
/// without a subject.
pub async fn append<M: Message + Name>(tx: &Tx, cx: &Cx, fact: Fact<'_>, message: &M) -> Result<String> {
    let message_type = M::full_name();
    let subject = EVENT_SUBJECTS.get(&message_type).ok_or_else(|| Error::internal(format!("{message_type} has no event subject")))?;
    let event_id = ids::new_id();
    let row = log::ActiveModel {
        seq: NotSet,
        event_id: Set(event_id.clone()),
        tenant: Set(cx.tenant.clone()),
        position: Set(None),
        subject: Set(subject.clone()),
        aggregate: Set(fact.aggregate.to_owned()),
        version: Set(fact.version),
        occurred: Set(fact.occurred.unwrap_or(cx.now).micros()),
        recorded: Set(cx.now.micros()),
        actor: Set(cx.caller.subject.clone()),
        on_behalf_of: Set(cx.caller.on_behalf_of.clone()),
        request_id: Set(cx.request_id.clone()),
        causation_id: Set(cx.causation.clone()),
        partner: Set(fact.partner.to_owned()),
        changed_fields: Set(join_fields(&fact.changed)),
        traceparent: Set(stoa_telemetry::traceparent()),
        message_type: Set(message_type),
        data: Set(message.encode_to_vec()),
    };
    match log::Entity::insert(row).exec_without_returning(tx.conn()).await {
        Err(error) if is_unique_violation(&error) => Err(Error::etag_mismatch(fact.aggregate)),
        result => result.db().map(|_| event_id),
    }
}

/// The message in an event.
///
/// # Errors
/// INTERNAL where the data is not such a message.
pub fn decode<M: Message + Default>(event: &Event) -> Result<M> {
    M::decode(event.data.as_slice()).map_err(|e| Error::internal(format!("event {} does not hold a {}: {e}", event.event_id, event.r#type)))
}
