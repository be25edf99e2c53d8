//! Canonical proto3 JSON of messages.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};

use crate::POOL;

/// Options for all JSON output: canonical names, including fields with default
/// values, so that a reader sees every field.
pub const SERIALIZE_OPTIONS: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

/// Converts a message to a JSON value.
///
/// # Errors
/// If the message is not in [`POOL`] or has no JSON form.
pub fn to_value<M: Message + Name>(message: &M) -> Result<serde_json::Value, String> {
    let name = M::full_name();
    let descriptor = POOL.get_message_by_name(&name).ok_or_else(|| format!("{name} is not in the descriptor pool"))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(|e| e.to_string())?;
    dynamic.serialize_with_options(serde_json::value::Serializer, &SERIALIZE_OPTIONS).map_err(|e| e.to_string())
}

/// Parses a message from canonical JSON. Unknown fields are errors.
///
/// # Errors
/// What is wrong with the JSON, and where.
pub fn from_str<M: Message + Name + Default>(text: &str) -> Result<M, String> {
    let name = M::full_name();
    let descriptor = POOL.get_message_by_name(&name).ok_or_else(|| format!("{name} is not in the descriptor pool"))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let dynamic = DynamicMessage::deserialize(descriptor, &mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    dynamic.transcode_to::<M>().map_err(|e| e.to_string())
}
