//! Batches and streams with a given number of rows.

use prost_reflect::{DynamicMessage, Kind, Value};

use crate::scenario::Call;

/// Fields in which one row differs from the next, at any depth.
const DISTINCT: [&str; 6] = ["row_id", "partner_id", "remote_id", "account_domain", "activity_id", "date"];
/// Dates of rows start in this year.
const YEAR: u64 = 1900;

/// Returns the messages to send: one with so many rows in its list, or for a
/// stream one per row. A read has no rows.
pub(super) fn with_rows(call: &Call, count: u64) -> Vec<DynamicMessage> {
    let request = &call.request;
    if call.method.is_client_streaming() {
        return (0..count).map(|n| other(request, n)).collect();
    }
    let list = request.fields().find(|(field, _)| field.is_list() && matches!(field.kind(), Kind::Message(_)));
    let mut request = request.clone();
    if let Some((field, rows)) = list.map(|(field, rows)| (field, rows.clone()))
        && let Some(first) = rows.as_list().and_then(<[Value]>::first).and_then(Value::as_message)
        && call.method.name().contains("Batch") | call.method.name().starts_with("Record")
    {
        let rows = (0..count).map(|n| Value::Message(other(first, n))).collect();
        request.set_field(&field, Value::List(rows));
    }
    vec![request]
}

/// Returns the row with other ids; the first one unchanged.
fn other(row: &DynamicMessage, n: u64) -> DynamicMessage {
    let mut next = row.clone();
    if n == 0 {
        return next;
    }
    for (field, value) in row.fields() {
        let is_distinct = DISTINCT.contains(&field.name());
        let value = match value {
            Value::Message(inner) => Value::Message(other(inner, n)),
            Value::String(date) if is_distinct && field.name() == "date" => {
                Value::String(format!("{}{}", YEAR + n, date.get(4..).unwrap_or_default()))
            }
            Value::String(text) if is_distinct => Value::String(format!("r{n}-{text}")),
            value => value.clone(),
        };
        next.set_field(&field, value);
    }
    next
}
