//! Link: which object of a CRM is which deal of ours, unique both ways. Nothing
//! is ever matched by name.

pub(crate) mod table;

use stoa_kernel::Timestamp;
use stoa_proto::sell::v1::CrmRow;

/// Which remote object a row is about: what the CRM calls such objects, and the
/// id.
pub(crate) type RemoteKey = (String, String);

pub(crate) fn remote_key(row: &CrmRow) -> RemoteKey {
    let kind = if row.remote_object.is_empty() { row.object().as_str_name().to_owned() } else { row.remote_object.clone() };
    (kind, row.remote_id.clone())
}

/// When the CRM changed the object, in microseconds.
pub(crate) fn remote_time(row: &CrmRow) -> Option<i64> {
    Timestamp::micros_of(row.remote_time.as_ref())
}
