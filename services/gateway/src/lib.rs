//! REST, server-sent events and NDJSON in front of the gRPC services.
//!
//! The gateway knows no business rules. Its routes, parameters, streams and OpenAPI
//! description are derived from the proto descriptors, and every request passes
//! through the same server stack as a gRPC call. The server itself serves gRPC-Web.

mod body;
mod codec;
mod config;
mod failure;
mod headers;
mod json;
mod openapi;
mod parameter;
mod request;
mod route;
mod stream;
mod template;
mod transcode;
mod twice;

use std::sync::Arc;

use axum::{Router, extract::Request, response::Response, routing::get};
use bytes::Bytes;

pub use config::GatewayConfig;
pub use failure::http_status;
pub use headers::VALUE_BYTES_MAX as HEADER_BYTES_MAX;
pub use openapi::description;

/// Returns the gateway as a router: everything below `/v1`, and `/openapi.json`.
pub fn gateway(config: GatewayConfig) -> Router {
    let shared = Arc::new(transcode::Transcoder::new(config));
    let document = Bytes::from(description().to_string());
    Router::new()
        .route("/openapi.json", get(move || openapi::answer(document.clone())))
        .fallback(move |request: Request| handle(shared.clone(), request))
}

async fn handle(transcoder: Arc<transcode::Transcoder>, request: Request) -> Response {
    transcoder.handle(request).await
}
