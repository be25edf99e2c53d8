//! JSON schemas of messages and enums.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value as ProtoValue};
use serde_json::{Map, Value, json};
use stoa_proto::{
    POOL,
    behavior::{Behavior, behaviors},
    describe::comment,
};

use crate::parameter;

/// Messages that have a JSON form of their own.
pub(super) const WELL_KNOWN: [(&str, &str, &str); 3] = [
    ("google.protobuf.Timestamp", "date-time", "2026-01-31T12:00:00Z"),
    ("google.protobuf.FieldMask", "field-mask", "displayName,description"),
    ("google.protobuf.Duration", "duration", "3.5s"),
];

/// Schemas of the messages and enums that are referenced.
#[derive(Default)]
pub(super) struct Schemas {
    done: BTreeMap<String, Value>,
}

impl Schemas {
    pub(super) fn finish(mut self) -> BTreeMap<String, Value> {
        self.done.insert(
            "google.rpc.Status".to_owned(),
            json!({
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "integer", "description": "Canonical gRPC status code."},
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

    /// Schema of a message as it is created and returned.
    pub(super) fn reference(&mut self, message: &MessageDescriptor) -> Value {
        let name = message.full_name();
        if let Some((_, format, example)) = WELL_KNOWN.iter().find(|(known, ..)| *known == name) {
            return json!({"type": "string", "format": format, "examples": [example]});
        }
        self.object(name.to_owned(), message, is_required)
    }

    /// Schema of a message in a partial update, where every field may be omitted.
    pub(super) fn update(&mut self, message: &MessageDescriptor) -> Value {
        self.object(format!("{}.Update", message.full_name()), message, |_| false)
    }

    /// Schema of a request as a body. Fields in the path need not be repeated.
    pub(super) fn body(&mut self, message: &MessageDescriptor, bound: &BTreeSet<&str>) -> Value {
        self.object(message.full_name().to_owned(), message, |field| is_required(field) && !bound.contains(field.name()))
    }

    fn object(&mut self, name: String, message: &MessageDescriptor, required: impl Fn(&FieldDescriptor) -> bool) -> Value {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        if self.done.contains_key(&name) {
            return reference;
        }
        // The name is reserved first, because a message may contain itself.
        self.done.insert(name.clone(), Value::Null);
        let properties: Map<String, Value> = message.fields().map(|f| (f.json_name().to_owned(), self.documented(&f))).collect();
        let required: Vec<String> = message.fields().filter(required).map(|f| f.json_name().to_owned()).collect();
        let mut schema = json!({
            "type": "object",
            "description": comment(message.path(), &message.parent_file()),
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        self.done.insert(name, schema);
        reference
    }

    fn documented(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = self.field(field);
        let text = comment(field.path(), &field.parent_file());
        if !text.is_empty() {
            schema["description"] = json!(text);
        }
        if behaviors(field).contains(&Behavior::OutputOnly) {
            schema["readOnly"] = json!(true);
        }
        schema
    }

    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
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
            // JSON carries 64-bit integers as text.
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

/// Whether a message without the field is refused.
pub(super) fn is_required(field: &FieldDescriptor) -> bool {
    behaviors(field).contains(&Behavior::Required)
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

/// Returns a `buf.validate` rule of a field as JSON, or `None` if it has none.
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
        ProtoValue::String(text) => Some(json!(text)),
        ProtoValue::Bool(flag) => flag.then_some(Value::Bool(true)),
        ProtoValue::U64(n) => Some(json!(n)),
        ProtoValue::I32(n) => Some(json!(n)),
        _ => None,
    }
}
