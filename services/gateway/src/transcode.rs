//! Turns one HTTP request into one gRPC call.

use std::collections::BTreeMap;

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use prost_reflect::{DynamicMessage, Value};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use stoa_rpc::{Channel, Door, Origin, Visitor, status};
use tonic::{Status, client::Grpc};

use crate::{
    body::{self, LineLimits, Refused},
    codec::DynamicCodec,
    config::GatewayConfig,
    failure, headers, json, request,
    route::{Found, Route, Routes},
    stream::{self, Form},
};

/// Maximum size of a service's answer in bytes. A page is smaller, but a report may
/// have many breakdowns.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(crate) struct Transcoder {
    routes: Routes,
    services: BTreeMap<String, Channel>,
    door: Door,
}

impl Transcoder {
    pub(crate) fn new(config: GatewayConfig) -> Self {
        Self { routes: Routes::new(), services: config.services, door: config.door }
    }

    pub(crate) async fn handle(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        match self.routes.find(&parts.method, &path) {
            Found::Route(route, variables) => {
                headers::take_link(route, &variables, &mut parts.headers);
                self.enter(route, &variables, &parts, body).await
            }
            Found::OtherVerbs(verbs) => wrong_verb(&verbs),
            Found::Nothing => {
                let message = format!("{path} is not a path of this API. See /openapi.json.");
                failure::response(&status(Error::new(Kind::NotFound, ErrorReason::NotFound, message)))
            }
        }
    }

    /// Lets the caller in by its headers, before anything of the body is read.
    async fn enter(&self, route: &Route, variables: &[(&str, String)], parts: &Parts, body: Body) -> Response {
        let (rate, answer) = match self.door.arrive(&route.path, &parts.headers, parts.extensions.get::<Origin>()).await {
            Err(refusal) => (refusal.rate, Ok(self.refused(route, parts, &status(refusal.error)))),
            Ok(mut visitor) => (visitor.rate.take(), self.call(route, variables, parts, body, &visitor).await),
        };
        let mut response = answer.unwrap_or_else(|status| failure::response_to(&status, &parts.headers));
        if let Some(rate) = rate {
            rate.write(response.headers_mut());
        }
        response
    }

    /// Answers a call that did not get as far as the services, which would record it.
    fn refused(&self, route: &Route, parts: &Parts, status: &Status) -> Response {
        let id = self.door.note_refusal(&route.path, &parts.headers, status);
        let mut response = failure::response_to(status, &parts.headers);
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }

    async fn call(
        &self,
        route: &Route,
        variables: &[(&str, String)],
        parts: &Parts,
        body: Body,
        visitor: &Visitor,
    ) -> Result<Response, Status> {
        let channel = self.channel(route, variables)?;
        let mut grpc = Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        if route.method.is_client_streaming() {
            return self.upload(grpc, route, parts, body, visitor).await;
        }
        let bytes_max = self.door.message_bytes_max(visitor);
        let read = self.door.read(visitor, body, bytes_max, None, || body::too_large("body", bytes_max)).await;
        let (bytes, charge) = match read {
            Ok(read) => read,
            Err(error) if error.kind() == Kind::DeadlineExceeded => return Ok(failure::late(&status(error))),
            Err(error) => return Err(status(error)),
        };
        let query = parts.uri.query().unwrap_or_default();
        let mut message = request::build(route, variables, query, &bytes).map_err(status)?;
        // From here on, the message counts where it is worked on.
        drop((bytes, charge));
        headers::fill(&mut message, route, &parts.headers).map_err(status)?;
        let path = route.path.parse().map_err(|e| status(Error::internal(e)))?;
        let codec = DynamicCodec(route.method.output());
        let call = tonic::Request::from_parts(headers::forward(&parts.headers), tonic::Extensions::default(), message);
        if grpc.ready().await.is_err() {
            return Err(status(Error::unavailable("the service is not ready")));
        }
        if route.method.is_server_streaming() {
            let answers = grpc.server_streaming(call, path, codec).await?.into_inner();
            let refused = Refused::default();
            return Ok(stream::response(answers, Form::of(&parts.headers), route.resume.clone(), refused, stream::token_left(visitor)));
        }
        let answer = grpc.unary(call, path, codec).await?;
        Ok(unary(route, parts, answer).map(|text| Body::new(self.door.text(visitor, text))))
    }

    /// Returns the channel for a call: to the service whose events the path names, or
    /// otherwise to the service that has the method.
    fn channel(&self, route: &Route, variables: &[(&str, String)]) -> Result<Channel, Status> {
        let named = variables.iter().find(|(field, _)| *field == "service").and_then(|(_, name)| self.services.get(name));
        let channel = named.or_else(|| self.services.get(&route.service)).cloned();
        channel.ok_or_else(|| status(Error::unavailable(format!("the service {} has no address", route.service))))
    }

    /// Forwards a stream of requests, sent as NDJSON, and returns the answers as they
    /// arrive.
    async fn upload(
        &self,
        mut grpc: Grpc<Channel>,
        route: &Route,
        parts: &Parts,
        body: Body,
        visitor: &Visitor,
    ) -> Result<Response, Status> {
        let refused = Refused::default();
        let limits = LineLimits { bytes_max: self.door.row_bytes_max(visitor), charge: self.door.charge(visitor) };
        let messages = body::lines(body, route.method.input(), limits, refused.clone());
        let path = route.path.parse().map_err(|e| status(Error::internal(e)))?;
        let codec = DynamicCodec(route.method.output());
        let call = tonic::Request::from_parts(headers::forward(&parts.headers), tonic::Extensions::default(), messages);
        if grpc.ready().await.is_err() {
            return Err(status(Error::unavailable("the service is not ready")));
        }
        let answers = grpc.streaming(call, path, codec).await?.into_inner();
        Ok(stream::response(answers, Form::of(&parts.headers), None, refused, stream::token_left(visitor)))
    }
}

fn wrong_verb(verbs: &[Method]) -> Response {
    let allowed: Vec<&str> = verbs.iter().map(Method::as_str).collect();
    let allowed = allowed.join(", ");
    let error = Error::new(Kind::NotFound, ErrorReason::NotFound, format!("this path accepts only {allowed}"));
    let mut response = failure::response(&status(error));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn unary(route: &Route, parts: &Parts, answer: tonic::Response<DynamicMessage>) -> http::Response<Bytes> {
    let (metadata, message, _) = answer.into_parts();
    let etag = headers::etag(&message);
    let known = etag.as_ref().is_some_and(|e| parts.method == Method::GET && headers::is_known(&parts.headers, e));
    let mut response = http::Response::new(Bytes::new());
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let part = message.get_field_by_name(&route.response_body).filter(|_| !route.response_body.is_empty());
        let text = match part.as_deref() {
            Some(Value::Message(inner)) => json::text(inner),
            _ => json::text(&message),
        };
        *response.body_mut() = Bytes::from(text);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let to = response.headers_mut();
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(etag) = etag {
        to.insert(header::ETAG, etag);
    }
    headers::return_metadata(&metadata, to);
    response
}
