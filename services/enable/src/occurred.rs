//! When a fact happened.

use stoa_kernel::{Cx, Error, Result, Timestamp};
use stoa_proto::enable::v1::ErrorReason;

/// The instant that a caller gave a fact, now where it gave none. History may
/// be brought in; the future may not.
pub(crate) fn occurred(field: &str, given: Option<&prost_types::Timestamp>, cx: &Cx) -> Result<Timestamp> {
    let Some(given) = given else { return Ok(cx.now) };
    let at = Timestamp::from_proto(field, given)?;
    if at > cx.now {
        return Err(Error::invalid(field, format!("must not lie in the future; it is {} now", cx.now))
            .with_reason(ErrorReason::TimeInFuture.as_str_name()));
    }
    Ok(at)
}
