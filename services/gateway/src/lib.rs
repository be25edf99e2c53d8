//! REST, server-sent events and NDJSON in front of the gRPC services.
//!
//! The gateway knows no business rule: its routes, parameters, streams and its
//! OpenAPI description are derived from the proto descriptors, and every request
//! passes the same server stack as a gRPC call. gRPC-Web is served beside it by
//! the server itself.

mod body;
mod codec;
mod failure;
mod headers;
mod openapi;
mod parameter;
mod rate;
mod request;
mod route;
mod stream;
mod template;
mod transcode;

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::Request, response::Response, routing::get};
use stoa_rpc::Channel;

pub use openapi::description;

/// What a gateway is started with.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Where each service is reached, by its name: this process' own stack, or
    /// another process. Calls about a service's events go to the service that
    /// the path names, and to the entry `events`, this process' own stack, where
    /// it names none of them.
    pub services: BTreeMap<String, Channel>,
    /// Bytes of a request body at most; of one line where the body is a stream.
    pub body_bytes_max: usize,
    /// Requests a second that one caller may send.
    pub rate_per_caller_per_second: u32,
    /// Requests at once after a pause.
    pub rate_burst: u32,
}

/// The gateway as a router: everything below `/v1`, and `/openapi.json`.
pub fn gateway(config: GatewayConfig) -> Router {
    let shared = Arc::new(transcode::Transcoder::new(config));
    let document: Arc<str> = description().to_string().into();
    Router::new()
        .route("/openapi.json", get(move || openapi::answer(document.clone())))
        .fallback(move |request: Request| handle(shared.clone(), request))
}

async fn handle(transcoder: Arc<transcode::Transcoder>, request: Request) -> Response {
    transcoder.handle(request).await
}
