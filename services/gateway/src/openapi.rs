//! The API as OpenAPI 3.1, from the same descriptors as the routes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::response::{IntoResponse, Response};
use http::{Method, header};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage};
use serde_json::{Map, Value, json};
use stoa_proto::{
    POOL,
    describe::{self, Access},
};

use crate::{
    headers, parameter,
    route::{self, BodyTo, Route},
};

/// Messages that JSON writes in a form of their own.
const WELL_KNOWN: [(&str, &str, &str); 3] = [
    ("google.protobuf.Timestamp", "date-time", "2026-01-31T12:00:00Z"),
    ("google.protobuf.FieldMask", "field-mask", "displayName,description"),
    ("google.protobuf.Duration", "duration", "3.5s"),
];

pub(crate) async fn answer(document: Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

/// The whole description.
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
            "description": "Open platform for partner networks: the network, what it does and how good it is.",
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
                "Error": failed("The request failed; nothing was changed."),
                "Changed": failed("The object has another etag than If-Match names (`ETAG_MISMATCH`): read it again, then retry. \
                                   Where the etag stands in the body, this is answered with 409."),
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
    let bound: BTreeSet<&str> = wildcards.iter().map(|(_, field)| field.as_str()).collect();
    if route.body != BodyTo::Message {
        query(&method.input(), "", &bound, &route.body, schemas, &mut parameters);
    }
    if route.verb != Method::GET && method.input().get_field_by_name("request_id").is_some() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 100},
            "description": "Stands for the request id: a retry with the same key and body gets the first answer.",
        }));
    }
    let mut responses = json!({"200": answered(route, schemas), "default": {"$ref": "#/components/responses/Error"}});
    if headers::takes_if_match(route) {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "schema": {"type": "string", "maxLength": 100},
            "description": "Stands for the etag: the change is made to this version or not at all.",
        }));
        responses["412"] = json!({"$ref": "#/components/responses/Changed"});
    }
    if route.resume.is_some() {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
            "description": "Id of the last event received: the stream goes on behind it.",
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
        Access::None => {}
    }
    if let Some(body) = request_body(route, schemas) {
        operation["requestBody"] = body;
    }
    operation
}

fn request_body(route: &Route, schemas: &mut Schemas) -> Option<Value> {
    let input = route.method.input();
    let schema = match &route.body {
        BodyTo::Nothing => return None,
        BodyTo::Message => schemas.reference(&input),
        BodyTo::Field(name) => schemas.field(&input.get_field_by_name(name)?),
    };
    let (media, text) = if route.method.is_client_streaming() {
        (
            "application/x-ndjson",
            "A message a line. A line that cannot be read is answered as an error that names it, and the rest goes on.",
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
        return json!({"description": "A message at a time, as it comes.", "content": content});
    }
    json!({"description": "Done.", "content": {"application/json": {"schema": schema}}})
}

/// Fields that are neither in the path nor in the body are query parameters.
fn query(message: &MessageDescriptor, prefix: &str, bound: &BTreeSet<&str>, body: &BodyTo, schemas: &mut Schemas, into: &mut Vec<Value>) {
    for field in message.fields() {
        let path = format!("{prefix}{}", field.name());
        let in_body = matches!(body, BodyTo::Field(name) if *name == path);
        let nested = matches!(field.kind(), Kind::Message(m) if !WELL_KNOWN.iter().any(|(name, ..)| m.full_name() == *name));
        if in_body || bound.contains(path.as_str()) || nested {
            continue;
        }
        let schema = schemas.field(&field);
        into.push(json!({
            "name": camel(&path), "in": "query", "schema": schema,
            "description": comment(field.path(), &field.parent_file()),
        }));
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

fn comment(path: &[i32], file: &prost_reflect::FileDescriptor) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let text = info.and_then(|i| i.location.iter().find(|l| l.path == path)).and_then(|l| l.leading_comments.clone());
    text.unwrap_or_default().lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Schemas of the messages and enums that were referred to.
#[derive(Default)]
struct Schemas {
    done: BTreeMap<String, Value>,
}

impl Schemas {
    fn finish(mut self) -> BTreeMap<String, Value> {
        self.done.insert(
            "google.rpc.Status".to_owned(),
            json!({
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "integer", "description": "Canonical gRPC code."},
                    "message": {"type": "string", "description": "What is wrong and what to do."},
                    "details": {"type": "array", "items": {
                        "type": "object",
                        "required": ["@type"],
                        "properties": {
                            "@type": {"type": "string"},
                            "reason": {"type": "string", "description": "ErrorInfo: a value of an ErrorReason enum."},
                            "fieldViolations": {"type": "array", "items": {
                                "type": "object",
                                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
                            }},
                        },
                    }},
                },
            }),
        );
        self.done
    }

    fn reference(&mut self, message: &MessageDescriptor) -> Value {
        let name = message.full_name().to_owned();
        if let Some((_, format, example)) = WELL_KNOWN.iter().find(|(known, ..)| *known == name) {
            return json!({"type": "string", "format": format, "examples": [example]});
        }
        if !self.done.contains_key(&name) {
            // The place is taken first: a message may contain itself.
            self.done.insert(name.clone(), Value::Null);
            let properties: Map<String, Value> = message.fields().map(|f| (f.json_name().to_owned(), self.documented(&f))).collect();
            let required: Vec<String> =
                message.fields().filter(|f| rule(f, &["required"]).is_some()).map(|f| f.json_name().to_owned()).collect();
            let mut schema = json!({
                "type": "object",
                "description": comment(message.path(), &message.parent_file()),
                "properties": properties,
                "additionalProperties": false,
            });
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            self.done.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn documented(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = self.field(field);
        let text = comment(field.path(), &field.parent_file());
        if let (Some(object), false) = (schema.as_object_mut(), text.is_empty()) {
            object.insert("description".to_owned(), json!(text));
        }
        schema
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map()
            && let Kind::Message(entry) = field.kind()
        {
            let value = self.single(&entry.map_entry_value_field());
            return json!({"type": "object", "additionalProperties": value});
        }
        let single = self.single(field);
        if !field.is_list() {
            return single;
        }
        let mut list = json!({"type": "array", "items": single});
        for (name, key) in [("min_items", "minItems"), ("max_items", "maxItems")] {
            if let Some(bound) = rule(field, &["repeated", name]) {
                list[key] = bound;
            }
        }
        list
    }

    fn single(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Message(message) => self.reference(&message),
            Kind::Enum(e) => self.enumeration(&e),
            Kind::String => text_schema(field),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Float | Kind::Double => json!({"type": "number"}),
            // JSON carries 64 bits as text.
            Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => {
                json!({"type": ["string", "integer"], "format": "int64"})
            }
            _ => {
                let mut schema = json!({"type": "integer", "format": "int32"});
                for (name, key) in [("gte", "minimum"), ("lte", "maximum"), ("gt", "exclusiveMinimum"), ("lt", "exclusiveMaximum")] {
                    if let Some(bound) = rule(field, &["int32", name]) {
                        schema[key] = bound;
                    }
                }
                schema
            }
        }
    }

    fn enumeration(&mut self, e: &EnumDescriptor) -> Value {
        let name = e.full_name().to_owned();
        if !self.done.contains_key(&name) {
            let values: Vec<String> = e.values().map(|v| v.name().to_owned()).collect();
            let lines = e.values().map(|v| format!("- `{}`: {}", v.name(), comment(v.path(), &e.parent_file())));
            let text = format!("{}\n\n{}", comment(e.path(), &e.parent_file()), lines.collect::<Vec<_>>().join("\n"));
            self.done.insert(name.clone(), json!({"type": "string", "enum": values, "description": text}));
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

fn text_schema(field: &FieldDescriptor) -> Value {
    let mut schema = json!({"type": "string"});
    let whole = if field.is_list() { vec!["repeated", "items", "string"] } else { vec!["string"] };
    for (name, key) in [("min_len", "minLength"), ("max_len", "maxLength"), ("pattern", "pattern"), ("const", "const")] {
        let path: Vec<&str> = whole.iter().copied().chain([name]).collect();
        if let Some(bound) = rule(field, &path) {
            schema[key] = bound;
        }
    }
    schema
}

/// A `buf.validate` rule of a field, as JSON; nothing where it has none.
fn rule(field: &FieldDescriptor, path: &[&str]) -> Option<Value> {
    let extension = POOL.get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    if !options.has_extension(&extension) {
        return None;
    }
    let mut value = options.get_extension(&extension).into_owned();
    for step in path {
        let message = value.as_message()?.clone();
        let field = parameter::field(&message.descriptor(), step)?;
        if !message.has_field(&field) {
            return None;
        }
        value = message.get_field(&field).into_owned();
    }
    match value {
        prost_reflect::Value::String(text) => Some(json!(text)),
        prost_reflect::Value::Bool(flag) => flag.then_some(Value::Bool(true)),
        prost_reflect::Value::U64(n) => Some(json!(n)),
        prost_reflect::Value::I32(n) => Some(json!(n)),
        _ => None,
    }
}
