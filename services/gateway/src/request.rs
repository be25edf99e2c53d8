//! Builds a request message from path, query and body.

use bytes::Bytes;
use prost_reflect::{DeserializeOptions, DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};
use stoa_kernel::Error;

use crate::{
    parameter::{self, Given},
    route::{BodyTo, Route},
    twice,
};

/// How JSON is read: unknown fields are refused, so that a misspelled field is not
/// silently lost.
const READ: DeserializeOptions = DeserializeOptions::new().deny_unknown_fields(true);

/// Builds the request message.
///
/// # Errors
/// INVALID_ARGUMENT with the invalid parameter or field.
pub(crate) fn build(route: &Route, variables: &[(&str, String)], query: &str, body: &[u8]) -> Result<DynamicMessage, Error> {
    let input = route.method.input();
    let mut message = match &route.body {
        BodyTo::Nothing if !body.is_empty() => return Err(Error::invalid("body", "must be empty for this method")),
        BodyTo::Nothing => DynamicMessage::new(input),
        BodyTo::Message => read(input, "", body)?,
        BodyTo::Field(name) => {
            let field = input.get_field_by_name(name).ok_or_else(|| Error::internal(format!("no body field {name}")))?;
            let value = match field.kind() {
                Kind::Message(inner) => Value::Message(read(inner, name, body)?),
                // A webhook's payload, whose signature is checked before it is read.
                Kind::Bytes => Value::Bytes(Bytes::copy_from_slice(body)),
                _ => return Err(Error::internal(format!("body field {name} is not a message"))),
            };
            let mut message = DynamicMessage::new(input);
            message.set_field(&field, value);
            message
        }
    };
    let mut given = Given::default();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        if route.body == BodyTo::Message {
            return Err(Error::invalid(name, "must be in the body, because this method takes no query parameters"));
        }
        if is_in_body(&route.body, &message.descriptor(), &name) {
            return Err(Error::invalid(name, "must be in the body, and not also a query parameter"));
        }
        parameter::add(&mut message, &mut given, &name, &text)?;
    }
    for (name, text) in variables {
        parameter::set(&mut message, name, text)?;
    }
    Ok(message)
}

/// Whether the body is the field, or the message with the field, that a parameter
/// names. What the body says of it would otherwise be lost, or come twice.
fn is_in_body(body: &BodyTo, message: &MessageDescriptor, path: &str) -> bool {
    let head = parameter::field(message, path.split('.').next().unwrap_or_default());
    matches!((body, head), (BodyTo::Field(name), Some(head)) if head.name() == name)
}

/// Reads one JSON message. Empty input is an empty message. `path` is that of
/// the message in its request.
///
/// # Errors
/// INVALID_ARGUMENT, with the field if the reader names it.
pub(crate) fn read(descriptor: MessageDescriptor, path: &str, bytes: &[u8]) -> Result<DynamicMessage, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(DynamicMessage::new(descriptor));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let message = DynamicMessage::deserialize_with_options(descriptor.clone(), &mut reader, &READ).map_err(|e| unreadable(&e))?;
    reader.end().map_err(|e| unreadable(&e))?;
    match twice::field(&descriptor, path, bytes).map_err(|e| unreadable(&e))? {
        Some(field) => Err(Error::invalid(field, "is there twice, perhaps under both of its names. Send it once.")),
        None => Ok(message),
    }
}

/// The reader quotes the name of an unknown field. Anything else that it quotes is
/// a value.
fn unreadable(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let quoted = text.split(['\'', '`', '"']).nth(1).filter(|f| !f.is_empty() && !f.contains(' '));
    let field = quoted.filter(|_| text.contains("field")).unwrap_or("body").to_owned();
    Error::invalid(field, format!("cannot be read: {text}. Compare the body with /openapi.json."))
}
