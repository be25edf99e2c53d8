//! The request ID: given by the caller or by us, and the same in the log, in
//! the context of the operation and in the answer.

use http::{HeaderMap, HeaderName, HeaderValue};
use stoa_auth::Identity;
use stoa_kernel::{Cx, ids};
use tonic::body::Body;

use crate::deadline::Due;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a request ID in bytes. A longer one is replaced.
pub const ID_BYTES_MAX: usize = 100;

tokio::task_local! {
    static CURRENT: String;
}

/// Runs a request. Failures inside it show its ID.
pub(crate) async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// ID of the request that this task works on. Empty outside a request.
pub(crate) fn request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request an ID unless it brings one that can be logged, and drops a
/// context that an in-process caller may have left: only access
/// creates one.
pub(crate) fn identify(request: &mut http::Request<Body>) -> String {
    request.extensions_mut().remove::<Cx>();
    request.extensions_mut().remove::<Identity>();
    if let Some(id) = given(request.headers()) {
        return id;
    }
    let id = ids::new_id();
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    id
}

/// The ID that a request brings, if it can be logged.
pub(crate) fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    (!id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_graphic())).then(|| id.to_owned())
}

/// Tells the context the request ID and when the answer is due, so that calls to
/// other services end in time.
pub(crate) fn complete_context(mut request: http::Request<Body>) -> http::Request<Body> {
    let due = request.extensions().get::<Due>().copied();
    if let Some(cx) = request.extensions_mut().get_mut::<Cx>() {
        cx.request_id = request_id();
        cx.deadline = due.map(|due| due.0).or(cx.deadline);
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identified(given: &str) -> (String, http::Request<Body>) {
        let mut request = http::Request::builder().header("x-request-id", given).body(Body::empty()).unwrap();
        (identify(&mut request), request)
    }

    #[test]
    fn valid_ids_are_kept_and_others_replaced() {
        assert_eq!(identified("order-7").0, "order-7");
        for bad in ["", "with space", &"x".repeat(101)] {
            let (id, request) = identified(bad);
            assert_ne!(id, bad);
            assert_eq!(request.headers()["x-request-id"], id);
        }
    }
}
