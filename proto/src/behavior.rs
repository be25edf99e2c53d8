//! What callers may do with a field, according to `google.api.field_behavior`.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};

use crate::{POOL, describe};

/// The values of `google.api.FieldBehavior` that the API uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behavior {
    /// A caller may set it.
    Optional,
    /// A caller must set it.
    Required,
    /// Only the service sets it. A caller's value is cleared.
    OutputOnly,
    /// A caller may set it on creation only.
    Immutable,
    /// It identifies the resource.
    Identifier,
}

/// Returns the behaviors of a field, in the order of its annotation.
#[must_use]
pub fn behaviors(field: &FieldDescriptor) -> Vec<Behavior> {
    let Some(extension) = POOL.get_extension_by_name("google.api.field_behavior") else { return Vec::new() };
    let known = |value: &Value| match value.as_enum_number() {
        Some(1) => Some(Behavior::Optional),
        Some(2) => Some(Behavior::Required),
        Some(3) => Some(Behavior::OutputOnly),
        Some(5) => Some(Behavior::Immutable),
        Some(8) => Some(Behavior::Identifier),
        _ => None,
    };
    field.options().get_extension(&extension).as_list().unwrap_or_default().iter().filter_map(known).collect()
}

/// Fields of a message by behavior, each list in the order of the message.
#[derive(Debug, Default)]
pub struct Fields {
    /// Fields that only the service sets.
    pub output_only: Vec<FieldDescriptor>,
    /// Fields that can be set only on creation.
    pub immutable: Vec<FieldDescriptor>,
    /// Fields that must be set.
    pub required: Vec<FieldDescriptor>,
    /// Fields that an update may change.
    pub changeable: Vec<FieldDescriptor>,
    /// Fields whose messages contain output-only fields, at any depth.
    pub nested: Vec<FieldDescriptor>,
}

static FIELDS: LazyLock<HashMap<String, Fields>> =
    LazyLock::new(|| POOL.all_messages().filter(is_ours).map(|m| (m.full_name().to_owned(), read(&m))).collect());

static REQUESTS: LazyLock<HashSet<String>> = LazyLock::new(|| describe::methods().map(|m| m.input().full_name().to_owned()).collect());

/// Returns the fields of a message of the API by behavior.
#[must_use]
pub fn fields_of(message: &MessageDescriptor) -> Option<&'static Fields> {
    FIELDS.get(message.full_name())
}

/// Returns the names of the fields that an update may change.
#[must_use]
pub fn changeable(message: &MessageDescriptor) -> Vec<&'static str> {
    fields_of(message).map(|fields| fields.changeable.iter().map(FieldDescriptor::name).collect()).unwrap_or_default()
}

/// Whether a message is the request of a method. The name alone does not tell:
/// `MdfRequest` is a resource.
#[must_use]
pub fn is_request(full_name: &str) -> bool {
    REQUESTS.contains(full_name)
}

/// Clears output-only fields, at any depth. Returns whether any was set.
pub fn clear_output_only(message: &mut DynamicMessage) -> bool {
    let Some(fields) = fields_of(&message.descriptor()) else { return false };
    let mut cleared = false;
    for field in &fields.output_only {
        if message.has_field(field) {
            message.clear_field(field);
            cleared = true;
        }
    }
    for field in &fields.nested {
        if message.has_field(field) {
            cleared |= clear_below(message.get_field_mut(field));
        }
    }
    cleared
}

fn clear_below(value: &mut Value) -> bool {
    let mut cleared = false;
    match value {
        Value::Message(inner) => cleared = clear_output_only(inner),
        Value::List(items) => items.iter_mut().for_each(|item| cleared |= clear_below(item)),
        Value::Map(entries) => entries.values_mut().for_each(|entry| cleared |= clear_below(entry)),
        _ => {}
    }
    cleared
}

fn is_ours(message: &MessageDescriptor) -> bool {
    message.package_name().starts_with("stoa.")
}

fn read(message: &MessageDescriptor) -> Fields {
    let mut fields = Fields::default();
    for field in message.fields() {
        let behaviors = behaviors(&field);
        let is = |behavior| behaviors.contains(&behavior);
        let fixed = is(Behavior::OutputOnly) || is(Behavior::Immutable) || is(Behavior::Identifier);
        for (holds, list) in [
            (is(Behavior::OutputOnly), &mut fields.output_only),
            (is(Behavior::Immutable), &mut fields.immutable),
            (is(Behavior::Required), &mut fields.required),
            (!fixed && field.name() != "etag", &mut fields.changeable),
            (!is(Behavior::OutputOnly) && holds_output_only(&field, &mut HashSet::new()), &mut fields.nested),
        ] {
            if holds {
                list.push(field.clone());
            }
        }
    }
    fields
}

/// Whether the message in a field contains output-only fields, at any depth.
fn holds_output_only(field: &FieldDescriptor, seen: &mut HashSet<String>) -> bool {
    let kind = field.kind();
    let Some(message) = kind.as_message().filter(|message| is_ours(message)) else { return false };
    seen.insert(message.full_name().to_owned())
        && message.fields().any(|f| behaviors(&f).contains(&Behavior::OutputOnly) || holds_output_only(&f, seen))
}
