//! Link: which CRM object belongs to which of our deals, unique in both
//! directions. Nothing is ever matched by name.

pub(crate) mod table;

use stoa_kernel::Timestamp;
use stoa_proto::sell::v1::CrmRow;

/// Identifies the remote object of a row: the CRM's name for that kind of
/// object, and the id.
pub(crate) type RemoteKey = (String, String);

pub(crate) fn remote_key(row: &CrmRow) -> RemoteKey {
    let kind = if row.remote_object.is_empty() { row.object().as_str_name().to_owned() } else { row.remote_object.clone() };
    (kind, row.remote_id.clone())
}

/// Returns when the CRM changed the object, in microseconds.
pub(crate) fn remote_time(row: &CrmRow) -> Option<i64> {
    Timestamp::micros_of(row.remote_time.as_ref())
}
