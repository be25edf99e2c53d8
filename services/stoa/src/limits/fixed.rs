//! Limits that no setting changes.

use stoa_kernel::page::{PAGE_BYTES_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use stoa_store::{documents::DOCUMENT_BYTES_MAX, filter};

use super::{bytes, table};

pub(super) fn section() -> String {
    let rows = [requests(), objects(), lists(), signed(), process()].into_iter().flatten();
    let rows = rows.map(|(what, limit)| [what.to_owned(), limit]);
    format!("## Fixed limits\n\nNo setting changes these.\n\n{}", table(["What", "Limit"], rows))
}

type Rows = Vec<(&'static str, String)>;

fn requests() -> Rows {
    vec![
        ("Token", bytes(stoa_auth::TOKEN_BYTES_MAX as u64)),
        ("`x-request-id`; a longer one is replaced", bytes(stoa_rpc::REQUEST_ID_BYTES_MAX as u64)),
        ("`Idempotency-Key`, `If-Match`, `Last-Event-ID`", bytes(stoa_gateway::HEADER_BYTES_MAX as u64)),
        ("Violations of the rules below that one answer names", stoa_proto::validate::VIOLATIONS_MAX.to_string()),
        ("Other wrong fields that one answer names", stoa_rpc::FIELDS_MAX.to_string()),
    ]
}

fn objects() -> Rows {
    vec![
        ("One object, encoded; twice as much for what a service records on its own", bytes(DOCUMENT_BYTES_MAX as u64)),
        ("Levels of a hierarchy of partners", stoa_onboard::LEVELS_MAX.to_string()),
    ]
}

fn lists() -> Rows {
    vec![
        ("Page, if the request sets no `page_size`", format!("{PAGE_SIZE_DEFAULT} objects")),
        ("Page, at most", format!("{PAGE_SIZE_MAX} objects, {}", bytes(PAGE_BYTES_MAX))),
        ("Filter of a list", format!("{} comparisons", filter::TERMS_MAX)),
        ("Filter of a report", format!("{} comparisons", stoa_analytics::FILTER_TERMS_MAX)),
        ("Wait for the positions in `consistent_with`, if the caller sets no deadline", seconds(stoa_analytics::WAIT_MAX)),
    ]
}

fn signed() -> Rows {
    vec![
        ("Signed link", format!("{} characters", stoa_auth::LINK_CHARS_MAX)),
        ("Difference between `webhook-timestamp` and the time of arrival", format!("{} s", stoa_auth::webhook::AGE_S_MAX)),
        ("Signatures of one webhook that are tried", stoa_auth::webhook::SIGNATURES_MAX.to_string()),
    ]
}

fn process() -> Rows {
    let limits = stoa_rpc::Limits::default();
    vec![
        ("Requests and streams in progress on one HTTP/2 connection", limits.streams_per_connection_max.to_string()),
        (
            "Age at which a connection is asked to close; requests in progress get the same time again",
            format!("{} s", limits.connection_age_s_max),
        ),
        ("Requests of one caller that wait for their turn", stoa_rpc::WAITING_PER_CALLER_MAX.to_string()),
        ("Requests of one tenant that wait for their turn", stoa_rpc::WAITING_PER_TENANT_MAX.to_string()),
        ("One message of a stream that a caller sends", bytes(stoa_rpc::ROW_BYTES_MAX as u64)),
        ("Time in which a caller has to read a large answer", seconds(stoa_rpc::ANSWER_READ_MAX)),
        ("Time after which a connection ends over which no valid token has come", seconds(stoa_rpc::STRANGER_MAX)),
        ("Wait of the rows of an open stream for their turn", seconds(stoa_rpc::ROWS_SHARE_WAIT)),
        ("Parked events of one subscription; it stops there", stoa_events::parked::EVENTS_PARKED_MAX.to_string()),
    ]
}

fn seconds(time: std::time::Duration) -> String {
    format!("{} s", time.as_secs())
}
