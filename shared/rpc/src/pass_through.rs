//! Calls that arrive at a process for services that run elsewhere. They are
//! passed on unchanged, with their token.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use http::{Request, Response, Version, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use prost::Message;
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use tonic::body::Body;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{Channel, Limits, answer::status, deadline, size::PREFIX_BYTES, stack::shell};

/// The one service that every process has. Its requests name the service whose
/// events they ask for.
const EVENTS: &str = "events";

/// Time in which a request about events has to arrive completely: nobody has
/// checked its token yet, so it must not hold a place for long.
const REQUEST_READ_MAX: Duration = Duration::from_secs(10);

/// Headers that belong to one connection.
const CONNECTION_HEADERS: [header::HeaderName; 5] =
    [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::CONTENT_LENGTH];

/// What a process with a gateway serves if it does not run all services. gRPC
/// calls to the services in `elsewhere` are passed to them with their headers
/// and streams unchanged. Everything else goes to the process's own stack.
///
/// The path says which service a call is for, `/stoa.<service>.v1.X/Method`.
/// For the event logs, the message says it.
///
/// The services authorize the calls that are passed to them. This process only
/// limits and counts calls, as `limits` say, and gives them a request ID.
#[must_use]
pub fn pass_through(own: Channel, elsewhere: BTreeMap<String, Channel>, limits: &Limits) -> Channel {
    if elsewhere.is_empty() {
        return own;
    }
    let router = Arc::new(Router { own: own.clone(), elsewhere, message_bytes_max: limits.message_bytes_max });
    let passing = {
        let router = router.clone();
        shell(tower::service_fn(move |request| answered(router.clone(), request)), limits)
    };
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
        // A request for this process goes through its stack and nothing before
        // it.
        let target = if router.may_be_elsewhere(request.uri().path()) { passing.clone() } else { own.clone() };
        target.oneshot(request)
    }))
}

struct Router {
    own: Channel,
    elsewhere: BTreeMap<String, Channel>,
    message_bytes_max: usize,
}

impl Router {
    fn may_be_elsewhere(&self, path: &str) -> bool {
        service(path).is_some_and(|name| name == EVENTS || self.elsewhere.contains_key(name))
    }

    async fn pass(&self, request: Request<Body>) -> Response<Body> {
        let name = service(request.uri().path()).unwrap_or_default();
        if let Some(channel) = self.elsewhere.get(name) {
            return forward(channel.clone(), request).await;
        }
        // For the events of a service, its name is the first field of the
        // message.
        let (parts, body) = request.into_parts();
        let bytes = match tokio::time::timeout(REQUEST_READ_MAX, whole(body, self.message_bytes_max)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return status(error).into_http(),
            Err(_) => return deadline::exceeded(),
        };
        let channel = named(&bytes).and_then(|name| self.elsewhere.get(&name)).cloned();
        let request = Request::from_parts(parts, Body::new(Full::new(bytes).map_err(|never: Infallible| match never {})));
        match channel {
            Some(channel) => forward(channel, request).await,
            None => finished(self.own.clone(), request).await,
        }
    }
}

async fn answered(router: Arc<Router>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(router.pass(request).await)
}

/// `sell` of `/stoa.sell.v1.DealService/GetDeal`.
fn service(path: &str) -> Option<&str> {
    path.strip_prefix("/stoa.")?.split('.').next()
}

/// The string in the first field of a gRPC message, if it can be read.
fn named(body: &Bytes) -> Option<String> {
    let mut message = body.clone();
    if message.len() < PREFIX_BYTES || message.get_u8() != 0 {
        return None;
    }
    let length = usize::try_from(message.get_u32()).ok().filter(|length| *length <= message.len())?;
    // A string decodes from the first field of a message and skips all others.
    String::decode(message.slice(..length)).ok()
}

async fn whole(body: Body, message_bytes_max: usize) -> Result<Bytes, Error> {
    let read = Limited::new(body, message_bytes_max.saturating_add(PREFIX_BYTES)).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            let message = format!("the request has more than {message_bytes_max} bytes. Send less at once.");
            return Error::new(Kind::ResourceExhausted, ErrorReason::TooLarge, message)
                .with_metadata("bytes_max", message_bytes_max.to_string());
        }
        match error.downcast::<tonic::Status>() {
            Ok(status) => crate::error(&status),
            Err(error) => Error::unavailable(format!("the request broke off: {error}")),
        }
    })
}

async fn forward(channel: Channel, mut request: Request<Body>) -> Response<Body> {
    // gRPC-Web arrives over HTTP/1.1 and continues over HTTP/2.
    *request.version_mut() = Version::HTTP_2;
    for name in &CONNECTION_HEADERS {
        request.headers_mut().remove(name);
    }
    request.extensions_mut().clear();
    stoa_telemetry::inject(request.headers_mut());
    finished(channel, request).await
}

async fn finished(channel: Channel, request: Request<Body>) -> Response<Body> {
    channel.oneshot(request).await.unwrap_or_else(|never| match never {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_proto::events::v1::ReplayParkedEventsRequest;

    #[test]
    fn the_service_is_in_the_path_or_in_the_message() {
        assert_eq!(service("/stoa.sell.v1.DealService/GetDeal"), Some("sell"));
        assert_eq!(service("/grpc.health.v1.Health/Check"), None);
        let request = ReplayParkedEventsRequest { service: "sell".to_owned(), event_ids: vec!["e-1".to_owned()] }.encode_to_vec();
        let framed = |flag: u8| [&[flag][..], &u32::try_from(request.len()).unwrap().to_be_bytes(), &request].concat();
        assert_eq!(named(&Bytes::from(framed(0))).as_deref(), Some("sell"));
        assert_eq!(named(&Bytes::from(framed(1))), None, "compressed");
        assert_eq!(named(&Bytes::from(framed(0)).slice(..8)), None, "cut off");
        assert_eq!(named(&Bytes::new()), None);
    }
}
