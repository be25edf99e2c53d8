//! REST, server-sent events and NDJSON in front of the gRPC services.
//!
//! The gateway knows no business rule: its routes, parameters, streams and its
//! OpenAPI description are derived from the proto descriptors, and every request
//! passes the same server stack as a gRPC call. gRPC-Web is served beside it by
//! the server itself.

mod body;
mod codec;
mod config;
mod failure;
mod headers;
mod json;
mod openapi;
mod parameter;
mod rate;
mod request;
mod route;
mod stream;
mod template;
mod transcode;

use std::sync::Arc;

use axum::{Router, extract::Request, response::Response, routing::get};

pub use config::GatewayConfig;
pub use openapi::description;

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
