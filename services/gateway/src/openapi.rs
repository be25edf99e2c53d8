//! The API as OpenAPI 3.1, from the same descriptors as the routes.

mod schema;

use std::collections::{BTreeMap, BTreeSet};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, header};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Map, Value, json};
use stoa_proto::describe::{self, Access, comment};

use schema::{Schemas, WELL_KNOWN, is_required};

use crate::{
    headers,
    route::{self, BodyTo, Route},
};

/// Anybody may ask, so all answers share one document.
pub(crate) async fn answer(document: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

/// Returns the description of the whole API.
#[must_use]
pub fn description() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas = Schemas::default();
    let mut tags = BTreeSet::new();
    for route in route::all() {
        let (path, _) = route.template.openapi();
        tags.insert(tag(&route.method));
        let operation = operation(&route, &mut schemas);
        paths.entry(path).or_default().insert(route.verb.as_str().to_lowercase(), operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stoa",
            "description": "Open platform for partner networks: the network, its activity and its quality.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": tags.into_iter().map(|t| json!({"name": t})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "responses": {
                "Error": failed("The request failed. Nothing was changed."),
                "Changed": failed("The object's etag differs from the one in If-Match (`ETAG_MISMATCH`). Read the object again, then \
                                   retry. If the etag is in the body instead, the status is 409."),
            },
        },
    })
}

fn failed(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/google.rpc.Status"}}},
    })
}

fn tag(method: &MethodDescriptor) -> String {
    method.parent_service().name().trim_end_matches("Service").to_owned()
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let method = &route.method;
    let (_, wildcards) = route.template.openapi();
    let text = comment(method.path(), &method.parent_file());
    let mut parameters: Vec<Value> = wildcards
        .iter()
        .map(|(name, _)| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    let bound: BTreeSet<&str> = route.template.fields().collect();
    if route.body != BodyTo::Message {
        query(&method.input(), "", &bound, &route.body, schemas, &mut parameters);
    }
    if route.verb != Method::GET && method.input().get_field_by_name("request_id").is_some() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 100},
            "description": "Sets the request ID: a retry with the same key and body returns the first answer.",
        }));
    }
    let mut responses = json!({"200": answered(route, schemas), "default": {"$ref": "#/components/responses/Error"}});
    if headers::takes_if_match(route) {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "schema": {"type": "string", "maxLength": 100},
            "description": "Sets the etag: the change is made only if the object still has this version.",
        }));
        responses["412"] = json!({"$ref": "#/components/responses/Changed"});
    }
    if route.resume.is_some() {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
            "description": "ID of the last event received. The stream resumes after it.",
        }));
    }
    let mut operation = json!({
        "operationId": format!("{}_{}", method.parent_service().name(), method.name()),
        "tags": [tag(method)],
        "summary": text.split(['.', ':']).next().unwrap_or_default().trim(),
        "description": text,
        "parameters": parameters,
        "responses": responses,
    });
    match describe::access(method) {
        Access::Permission(permission) => operation["x-permission"] = json!(permission),
        Access::Internal => operation["x-permission"] = json!("(other services only)"),
        Access::Public => operation["security"] = json!([]),
        Access::Signed { permission, webhook } => {
            operation["x-permission"] = json!(format!("{permission} ({})", if webhook { "signed webhook" } else { "signed link" }));
            operation["security"] = json!([]);
        }
        Access::None => {}
    }
    if let Some(body) = request_body(route, &bound, schemas) {
        operation["requestBody"] = body;
    }
    operation
}

fn request_body(route: &Route, bound: &BTreeSet<&str>, schemas: &mut Schemas) -> Option<Value> {
    let input = route.method.input();
    let schema = match &route.body {
        BodyTo::Nothing => return None,
        BodyTo::Message => schemas.body(&input, bound),
        BodyTo::Field(name) => {
            let kind = input.get_field_by_name(name)?.kind();
            if kind == Kind::Bytes {
                return Some(json!({"required": true, "content": {"application/octet-stream": {"schema": {}}}}));
            }
            let resource = kind.as_message()?;
            if route.verb == Method::PATCH { schemas.update(resource) } else { schemas.reference(resource) }
        }
    };
    let (media, text) = if route.method.is_client_streaming() {
        (
            "application/x-ndjson",
            "One message per line. An unreadable line is answered with an error that names the line. The others are processed.",
        )
    } else {
        ("application/json", "")
    };
    let mut body = json!({"required": true, "content": {media: {"schema": schema}}});
    if !text.is_empty() {
        body["description"] = json!(text);
    }
    Some(body)
}

fn answered(route: &Route, schemas: &mut Schemas) -> Value {
    let schema = schemas.reference(&route.method.output());
    if route.method.is_server_streaming() {
        let content = json!({"text/event-stream": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": schema}});
        return json!({"description": "One message at a time, as soon as it is available.", "content": content});
    }
    json!({"description": "Success.", "content": {"application/json": {"schema": schema}}})
}

/// Adds the fields that are neither in the path nor in the body, which are query
/// parameters.
fn query(message: &MessageDescriptor, prefix: &str, bound: &BTreeSet<&str>, body: &BodyTo, schemas: &mut Schemas, into: &mut Vec<Value>) {
    for field in message.fields() {
        let path = format!("{prefix}{}", field.name());
        let in_body = matches!(body, BodyTo::Field(name) if *name == path);
        let nested = matches!(field.kind(), Kind::Message(m) if !WELL_KNOWN.iter().any(|(name, ..)| m.full_name() == *name));
        if in_body || bound.contains(path.as_str()) || nested {
            continue;
        }
        let mut parameter = json!({
            "name": camel(&path), "in": "query", "schema": schemas.field(&field),
            "description": comment(field.path(), &field.parent_file()),
        });
        if is_required(&field) {
            parameter["required"] = json!(true);
        }
        into.push(parameter);
    }
}

fn camel(path: &str) -> String {
    let mut out = String::new();
    let mut up = false;
    for c in path.chars() {
        match c {
            '_' => up = true,
            c if up => {
                out.extend(c.to_uppercase());
                up = false;
            }
            c => out.push(c),
        }
    }
    out
}
