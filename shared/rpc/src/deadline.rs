//! Deadlines: how long a call may take, as `grpc-timeout` states it.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Response};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use tonic::body::Body;

use crate::answer::status;

const TIMEOUT: &str = "grpc-timeout";

/// When the answer of a request is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due(pub(crate) Instant);

/// When a call is due: at the caller's timeout or at the limit, whichever is
/// sooner. A stream has no limit of ours. It ends when the caller ends it.
pub(crate) fn due(headers: &HeaderMap, limit: Option<Duration>) -> Option<Due> {
    let asked = headers.get(TIMEOUT).and_then(|v| v.to_str().ok()).and_then(parse);
    let time = match (asked, limit) {
        (Some(asked), Some(limit)) => asked.min(limit),
        (asked, limit) => asked.or(limit)?,
    };
    // A little before the caller gives up, so that it reads our answer, which
    // says more than its own "timed out".
    let early = (time / 20).min(Duration::from_millis(50));
    Some(Due(Instant::now() + (time - early)))
}

/// Runs work until it is due.
pub(crate) async fn within(due: Option<Due>, work: impl Future<Output = Response<Body>>) -> Response<Body> {
    limit(due, work).await.unwrap_or_else(exceeded)
}

/// Runs work until it is due. `None` if it is not done by then.
pub(crate) async fn limit<T>(due: Option<Due>, work: impl Future<Output = T>) -> Option<T> {
    match due {
        Some(Due(at)) => tokio::time::timeout_at(at.into(), work).await.ok(),
        None => Some(work.await),
    }
}

/// The answer of a call that took too long.
pub(crate) fn exceeded() -> Response<Body> {
    status(Error::new(
        Kind::DeadlineExceeded,
        ErrorReason::DeadlineExceeded,
        "the deadline passed before the work was done. Retry with more time.",
    ))
    .into_http()
}

/// Tells the next service how much time is left. Returns false if none is left.
pub(crate) fn pass_on(headers: &mut HeaderMap, due: Instant) -> bool {
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    // At most eight digits. A longer time makes no difference.
    let millis = left.as_millis().clamp(1, 99_999_999);
    if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
        headers.insert(TIMEOUT, value);
    }
    true
}

/// Reads `grpc-timeout`: up to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "m", "5", "-1S", "123456789S", "1x", "é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_sooner_of_timeout_and_limit_counts() {
        let left = |timeout: &'static str, limit: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT, HeaderValue::from_static(timeout));
            due(&headers, limit.map(Duration::from_secs)).map(|d| d.0.saturating_duration_since(Instant::now()).as_secs_f64().round())
        };
        assert_eq!(left("90S", Some(30)), Some(30.0));
        assert_eq!(left("10S", Some(30)), Some(10.0));
        assert_eq!(left("10S", None), Some(10.0));
        assert_eq!(left("nonsense", None), None);
    }

    #[test]
    fn the_time_left_is_passed_on() {
        let mut headers = HeaderMap::new();
        assert!(pass_on(&mut headers, Instant::now() + Duration::from_secs(2)));
        let told = parse(headers[TIMEOUT].to_str().unwrap()).unwrap();
        assert!(told <= Duration::from_secs(2) && told > Duration::from_millis(1900), "{told:?}");
        assert!(!pass_on(&mut headers, Instant::now()));
    }
}
