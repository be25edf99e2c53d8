//! Rules for the annotations of fields: their behavior and limits.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use stoa_proto::{
    POOL,
    behavior::{self, Behavior, behaviors},
    describe, validate,
};
use tonic_types::StatusExt;

use crate::{assert_none, resources};

/// Whether only the service sets the field.
fn is_output_only(field: &FieldDescriptor) -> bool {
    behaviors(field).contains(&Behavior::OutputOnly)
}

/// Requests and the messages nested in them.
fn sent_messages() -> Vec<MessageDescriptor> {
    with_nested(describe::methods().map(|m| m.input()).collect())
}

/// Messages of the API and the messages nested in them.
fn with_nested(mut open: Vec<MessageDescriptor>) -> Vec<MessageDescriptor> {
    let mut found: BTreeMap<String, MessageDescriptor> = BTreeMap::new();
    while let Some(message) = open.pop() {
        if message.package_name().starts_with("stoa.") && !found.contains_key(message.full_name()) {
            open.extend(message.fields().filter_map(|f| f.kind().as_message().cloned()));
            found.insert(message.full_name().to_owned(), message);
        }
    }
    found.into_values().collect()
}

/// Names of the rules of a field, without the rules of its items.
fn rules(field: &FieldDescriptor) -> BTreeSet<String> {
    let extension = POOL.get_extension_by_name("buf.validate.field").unwrap();
    let options = field.options();
    if !options.has_extension(&extension) {
        return BTreeSet::new();
    }
    let value = options.get_extension(&extension);
    let typed = value.as_message().unwrap().fields().filter_map(|(_, v)| v.as_message().cloned()).collect::<Vec<_>>();
    typed.iter().flat_map(|t| t.fields().map(|(f, _)| f.name().to_owned()).collect::<Vec<_>>()).collect()
}

#[test]
fn every_field_of_a_request_has_a_limit() {
    let mut offenders = Vec::new();
    for message in sent_messages() {
        for field in message.fields().filter(|f| !is_output_only(f)) {
            let rules = rules(&field);
            let text_bound = ["max_len", "pattern", "const", "in"].iter().any(|r| rules.contains(*r));
            let list_bound = rules.contains("max_items") || rules.contains("max_pairs");
            let unbounded = (field.is_list() && !list_bound) || (!field.is_list() && field.kind() == Kind::String && !text_bound);
            if unbounded {
                offenders.push(field.full_name().to_owned());
            }
        }
    }
    assert_none("no limit", offenders);
}

/// Whether the items of a list of strings have a limit of their own.
fn items_are_bounded(field: &FieldDescriptor) -> bool {
    let extension = POOL.get_extension_by_name("buf.validate.field").unwrap();
    let options = field.options();
    let rules = options.get_extension(&extension);
    let below = |message: &DynamicMessage, name: &str| message.get_field_by_name(name).and_then(|v| v.as_message().cloned());
    let texts = below(rules.as_message().unwrap(), "repeated").and_then(|r| below(&r, "items")).and_then(|items| below(&items, "string"));
    texts.is_some_and(|texts| ["max_len", "pattern", "const", "in"].iter().any(|rule| texts.has_field_by_name(rule)))
}

#[test]
fn every_list_of_strings_limits_its_length_and_its_items() {
    let mut offenders = Vec::new();
    for message in sent_messages() {
        for field in message.fields().filter(|f| f.is_list() && f.kind() == Kind::String && !is_output_only(f)) {
            if !rules(&field).contains("max_items") || !items_are_bounded(&field) {
                offenders.push(format!("{} ({})", field.full_name(), message.parent_file().name()));
            }
        }
    }
    assert_none("no max_items, or no items.string.max_len", offenders);
}

/// Requests and resources, and the messages nested in them.
fn annotated() -> Vec<MessageDescriptor> {
    with_nested(describe::methods().map(|m| m.input()).chain(resources::all()).collect())
}

#[test]
fn every_field_has_a_behavior_that_fits() {
    use Behavior::{Identifier, Immutable, Optional, OutputOnly, Required};
    let mut offenders = Vec::new();
    for message in annotated() {
        let is_request = behavior::is_request(message.full_name());
        for field in message.fields() {
            let behaviors = behaviors(&field);
            let fits = match behaviors.as_slice() {
                [Optional | Required] => true,
                [Identifier] => field.name() == "name" && resources::is_resource(&message),
                [OutputOnly | Immutable] | [Required, Immutable] => !is_request,
                _ => false,
            };
            if !fits {
                offenders.push(format!("{} ({}): {behaviors:?}", field.full_name(), message.parent_file().name()));
            }
        }
    }
    assert_none("no behavior, or one that does not fit", offenders);
}

/// An update needs the name but a create does not, so an identifier is neither
/// required nor optional.
#[test]
fn a_field_is_required_exactly_if_an_empty_message_violates_its_rules() {
    let mut offenders = Vec::new();
    for message in annotated() {
        let status = validate::check_bytes(message.full_name(), &[]).err();
        let details = status.map(|s| s.get_error_details()).unwrap_or_default();
        let violated: BTreeSet<String> =
            details.bad_request().map(|b| b.field_violations.iter().map(|v| v.field.clone()).collect()).unwrap_or_default();
        for field in message.fields() {
            let behaviors = behaviors(&field);
            let differs = behaviors.contains(&Behavior::Required) != violated.contains(field.name());
            if differs && !behaviors.contains(&Behavior::Identifier) {
                offenders.push(format!("{} ({}): {behaviors:?}", field.full_name(), message.parent_file().name()));
            }
        }
    }
    assert_none("REQUIRED and buf.validate differ", offenders);
}

#[test]
fn output_only_fields_have_no_rules() {
    let extension = POOL.get_extension_by_name("buf.validate.field").unwrap();
    let fields = annotated().into_iter().flat_map(|m| m.fields().collect::<Vec<_>>());
    let offenders = fields.filter(|f| is_output_only(f) && f.options().has_extension(&extension));
    assert_none("rules that cannot be violated", offenders.map(|f| f.full_name().to_owned()).collect());
}
