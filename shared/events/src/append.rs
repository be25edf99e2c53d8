//! Writes an event to the log, inside the transaction that makes it a fact.

use prost::Message;
use sea_orm::Value;
use stoa_kernel::{Cx, Error, Result, Timestamp, ids};
use stoa_proto::events::v1::Event;
use stoa_store::{AppendTable, Tx};

use crate::entity::join_fields;

/// The columns that a write fills. The relay sets the position.
static LOG: AppendTable = AppendTable {
    name: "event_log",
    columns: &[
        "event_id",
        "tenant",
        "subject",
        "aggregate",
        "version",
        "occurred",
        "recorded",
        "actor",
        "on_behalf_of",
        "request_id",
        "causation_id",
        "partner",
        "changed_fields",
        "traceparent",
        "message_type",
        "data",
    ],
};

/// What an event holds beyond its context.
pub(crate) struct Entry<'a> {
    pub(crate) subject: &'static str,
    pub(crate) message_type: String,
    /// Resource name of the aggregate.
    pub(crate) aggregate: &'a str,
    /// The version that the event led to.
    pub(crate) version: i64,
    pub(crate) occurred: Timestamp,
    /// `partners/{partner}` that the fact belongs to. Empty for none.
    pub(crate) partner: &'a str,
    pub(crate) changed: &'a [&'static str],
    pub(crate) data: Vec<u8>,
}

/// Adds an event to the log when the operation ends, so that it exists if and
/// only if the transaction commits. The transaction fails with ABORTED
/// `ETAG_MISMATCH` if the aggregate already has an event of this version, that
/// is, if another write came first.
pub(crate) fn append(tx: &Tx, cx: &Cx, entry: Entry<'_>) {
    let text = |text: &str| Value::from(text.to_owned());
    let values = vec![
        ids::new_id().into(),
        text(&cx.tenant),
        text(entry.subject),
        text(entry.aggregate),
        entry.version.into(),
        entry.occurred.micros().into(),
        cx.now.micros().into(),
        text(&cx.caller.subject),
        text(&cx.caller.on_behalf_of),
        text(&cx.request_id),
        text(&cx.causation),
        text(entry.partner),
        join_fields(entry.changed).into(),
        stoa_telemetry::traceparent().into(),
        entry.message_type.into(),
        entry.data.into(),
    ];
    tx.append(&LOG, entry.aggregate, values);
}

/// The message in an event.
///
/// # Errors
/// INTERNAL if the data is not such a message.
pub fn decode<M: Message + Default>(event: &Event) -> Result<M> {
    M::decode(event.data.as_slice()).map_err(|e| Error::internal(format!("event {} does not hold a {}: {e}", event.event_id, event.r#type)))
}
