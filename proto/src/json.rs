//! Canonical proto3 JSON of messages.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};

use crate::POOL;

/// How messages are written everywhere: canonical names, defaults left in, so
/// that a reader sees every field.
pub const WRITE: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

/// Writes a message as a JSON value.
///
/// # Errors
/// When the message is not part of [`POOL`] or cannot be written as JSON.
pub fn to_value<M: Message + Name>(message: &M) -> Result<serde_json::Value, String> {
    let name = M::full_name();
    let descriptor = POOL.get_message_by_name(&name).ok_or_else(|| format!("{name} is not in the descriptor pool"))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(|e| e.to_string())?;
    dynamic.serialize_with_options(serde_json::value::Serializer, &WRITE).map_err(|e| e.to_string())
}

/// Reads a message from canonical JSON; unknown fields are refused.
///
/// # Errors
/// What the JSON has wrong, with its place.
pub fn from_str<M: Message + Name + Default>(text: &str) -> Result<M, String> {
    let name = M::full_name();
    let descriptor = POOL.get_message_by_name(&name).ok_or_else(|| format!("{name} is not in the descriptor pool"))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let dynamic = DynamicMessage::deserialize(descriptor, &mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    dynamic.transcode_to::<M>().map_err(|e| e.to_string())
}
