//! An event as a message: CloudEvents 1.0, binary mode. The attributes are
//! headers, and the event's data is the payload.

use std::fmt::Write;

use async_nats::HeaderMap;
use stoa_kernel::{Error, Result, Timestamp};
use stoa_proto::events::v1::Event;

use crate::entity::{join_fields, split_fields};

/// Number of partitions of the stream. Fixed when a stream is created: an
/// aggregate's events stay in one partition.
pub const PARTITIONS: u64 = 16;

/// The partition of an aggregate, by FNV-1a: the same in every version and
/// language.
#[must_use]
pub fn partition(tenant: &str, aggregate: &str) -> u64 {
    let bytes = tenant.bytes().chain([0]).chain(aggregate.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) % PARTITIONS
}

/// `{prefix}.{partition}.{service}.{noun}.{fact}`.
pub(super) fn subject(prefix: &str, event: &Event) -> String {
    format!("{prefix}.{}.{}", partition(&event.tenant, &event.aggregate), event.subject)
}

/// The subject filter of a durable consumer of one service's events.
pub(super) fn filter(prefix: &str, service: &str) -> String {
    format!("{prefix}.*.{service}.>")
}

/// The headers of an event.
pub(super) fn headers(event: &Event) -> HeaderMap {
    let service = event.subject.split('.').next().unwrap_or_default();
    let time = |at: Option<&prost_types::Timestamp>| Timestamp::stored(at).unwrap_or_default().to_string();
    let mut headers = HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, event.event_id.as_str());
    headers.insert("content-type", "application/protobuf");
    let attributes = [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", event.event_id.clone()),
        ("ce-source", format!("/services/{service}")),
        ("ce-type", event.r#type.clone()),
        ("ce-subject", event.aggregate.clone()),
        ("ce-time", time(event.occurred_time.as_ref())),
        ("ce-fact", event.subject.clone()),
        ("ce-tenant", event.tenant.clone()),
        ("ce-version", event.version.to_string()),
        ("ce-position", event.position.to_string()),
        ("ce-recordedtime", time(event.recorded_time.as_ref())),
        ("ce-actor", event.actor.clone()),
        ("ce-onbehalfof", event.on_behalf_of.clone()),
        ("ce-requestid", event.request_id.clone()),
        ("ce-causationid", event.causation_id.clone()),
        ("ce-partner", event.partner.clone()),
        ("ce-changedfields", join_fields(&event.changed_fields)),
        ("traceparent", event.traceparent.clone()),
    ];
    for (name, value) in attributes {
        if !value.is_empty() {
            headers.insert(name, encode(&value));
        }
    }
    headers
}

/// The event in a message.
///
/// # Errors
/// INTERNAL if a header is missing or damaged.
pub(super) fn event(headers: Option<&HeaderMap>, data: &[u8]) -> Result<Event> {
    let headers = headers.ok_or_else(|| Error::internal("a message of the stream has no headers"))?;
    let optional = |name: &str| headers.get(name).map(|value| decode(value.as_str())).unwrap_or_default();
    let bad = |name: &str| Error::internal(format!("a message of the stream has no valid header {name}"));
    let text = |name: &str| Some(optional(name)).filter(|value| !value.is_empty()).ok_or_else(|| bad(name));
    let number = |name: &str| text(name)?.parse::<i64>().map_err(|_| bad(name));
    let time = |name: &str| Ok::<_, Error>(Some(text(name)?.parse::<Timestamp>().map_err(|_| bad(name))?.proto()));
    Ok(Event {
        event_id: text("ce-id")?,
        tenant: text("ce-tenant")?,
        subject: text("ce-fact")?,
        aggregate: text("ce-subject")?,
        version: number("ce-version")?,
        position: number("ce-position")?,
        occurred_time: time("ce-time")?,
        recorded_time: time("ce-recordedtime")?,
        actor: optional("ce-actor"),
        on_behalf_of: optional("ce-onbehalfof"),
        request_id: optional("ce-requestid"),
        causation_id: optional("ce-causationid"),
        partner: optional("ce-partner"),
        changed_fields: split_fields(&optional("ce-changedfields")),
        traceparent: optional("traceparent"),
        r#type: text("ce-type")?,
        data: data.to_vec(),
    })
}

/// Percent-encodes as CloudEvents requires for headers: whatever is not visible
/// ASCII, and the quote and percent signs. A line break in a request ID must
/// not end a header.
fn encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut value, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let coded = text.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        value.push(coded.unwrap_or(*byte));
        at += if coded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_the_transport() {
        let event = Event {
            event_id: "e-1".into(),
            tenant: "acme".into(),
            subject: "sell.deal.won".into(),
            aggregate: "deals/d-17".into(),
            version: 3,
            position: 99,
            occurred_time: Some(Timestamp::from_micros(-1_000_001).proto()),
            recorded_time: Some(Timestamp::from_micros(1_700_000_000_123_456).proto()),
            actor: "persons/p".into(),
            on_behalf_of: String::new(),
            request_id: "a \"b\"\r\nNats-Msg-Id: x %41 ü".into(),
            causation_id: "e-0".into(),
            partner: "partners/p".into(),
            changed_fields: vec!["amount".into(), "customer.domain".into()],
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            r#type: "stoa.sell.v1.DealWon".into(),
            data: vec![0, 1, 255],
        };
        assert_eq!(self::event(Some(&headers(&event)), &event.data).unwrap(), event);
        assert!(self::event(Some(&HeaderMap::new()), &[]).unwrap_err().cause().unwrap().contains("ce-id"));
    }

    #[test]
    fn partitions_never_change() {
        assert_eq!(partition("acme", "deals/d-17"), 14);
        assert_eq!(partition("acme", "deals/d-18"), 15);
        assert_eq!(partition("", ""), 15);
        let used: std::collections::BTreeSet<u64> = (0..500).map(|i| partition("t", &format!("deals/{i}"))).collect();
        assert_eq!(used.len(), 16);
    }
}
