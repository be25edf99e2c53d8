//! Messages of the services as JSON.

use prost_reflect::{DynamicMessage, ReflectMessage};
use stoa_proto::json::SERIALIZE_OPTIONS;

/// Writes a message as canonical proto3 JSON. Every field can be written, so a
/// failure would be a bug. It is logged, and the result is an empty object.
pub(crate) fn text(message: &DynamicMessage) -> String {
    let mut bytes = Vec::with_capacity(256);
    let mut writer = serde_json::Serializer::new(&mut bytes);
    match message.serialize_with_options(&mut writer, &SERIALIZE_OPTIONS) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(error) => {
            tracing::error!(%error, message = message.descriptor().full_name(), "cannot write an answer as JSON");
            "{}".to_owned()
        }
    }
}
