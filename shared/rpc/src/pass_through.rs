//! Calls that arrive at a process for services that run elsewhere. They are
//! passed on unchanged, with their token.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use bytes::{Buf, Bytes};
use http::{Request, Response, Version, header};
use http_body_util::BodyExt;
use prost::Message;
use tonic::body::Body;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{
    Channel, Door,
    door::full,
    size::PREFIX_BYTES,
    stack::{Admission, shell},
};

/// The one service that every process has. Its requests name the service whose
/// events they ask for.
const EVENTS: &str = "events";

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
/// This process lets callers in at its door, and the services admit them to their
/// methods.
#[must_use]
pub fn pass_through(own: Channel, elsewhere: BTreeMap<String, Channel>, door: Door) -> Channel {
    if elsewhere.is_empty() {
        return own;
    }
    let router = Arc::new(Router { own: own.clone(), elsewhere });
    let passing = {
        let router = router.clone();
        shell(tower::service_fn(move |request| answered(router.clone(), request)), door, Admission::Elsewhere)
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
        // message. The door has read it.
        let (parts, body) = request.into_parts();
        let bytes = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(refused) => return refused.into_http(),
        };
        let channel = named(&bytes).and_then(|name| self.elsewhere.get(&name)).cloned();
        let request = Request::from_parts(parts, full(bytes));
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
