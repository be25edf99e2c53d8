//! Rules for the annotations of resources: their types and resource names.

use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use stoa_proto::{POOL, behavior, describe};

use crate::{assert_none, http_rule, ours};

/// Whether a message is a versioned resource: it has a name and an etag, and is
/// not a request.
pub(crate) fn is_resource(message: &MessageDescriptor) -> bool {
    let has = |field: &str| message.get_field_by_name(field).is_some();
    has("name") && has("etag") && !behavior::is_request(message.full_name())
}

pub(crate) fn all() -> impl Iterator<Item = MessageDescriptor> {
    ours().filter(is_resource)
}

fn annotation(message: &MessageDescriptor) -> Option<DynamicMessage> {
    let extension = POOL.get_extension_by_name("google.api.resource").unwrap();
    let options = message.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().unwrap().clone())
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).unwrap().as_str().unwrap().to_owned()
}

fn pattern(annotation: &DynamicMessage) -> String {
    let patterns = annotation.get_field_by_name("pattern").unwrap().into_owned();
    patterns.as_list().unwrap().iter().map(|p| p.as_str().unwrap()).collect::<Vec<_>>().join(" or ")
}

/// A pattern with `*` in place of every ID: `programs/*/tiers/*`.
fn shape(pattern: &str) -> String {
    regex::Regex::new("\\{[a-z_]+\\}").unwrap().replace_all(pattern, "*").into_owned()
}

/// The path of a GET method without version and variable names:
/// `programs/*/tiers`.
fn path(method: &MethodDescriptor) -> String {
    let rule = http_rule(method).unwrap();
    let path = rule.get_field_by_name("get").unwrap().as_str().unwrap().to_owned();
    let path = regex::Regex::new("\\{[a-z_.]+=([^}]*)\\}").unwrap().replace_all(&path, "$1").into_owned();
    path.trim_start_matches("/v1/").to_owned()
}

/// Path of the resource, from its Get method, or else from its List method.
fn found_at(message: &MessageDescriptor) -> Option<String> {
    let get = format!("Get{}", message.name());
    let gets = describe::methods().find(|m| m.name() == get && m.output() == *message);
    let lists = |m: &MethodDescriptor| m.name().starts_with("List") && m.output().fields().any(|f| f.kind().as_message() == Some(message));
    gets.map(|m| path(&m)).or_else(|| describe::methods().find(lists).map(|m| path(&m) + "/*"))
}

fn camel(noun: &str) -> String {
    noun[..1].to_lowercase() + &noun[1..]
}

fn snake(camel: &str) -> String {
    camel.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.to_string() }).collect()
}

#[test]
fn every_resource_is_annotated_with_its_type_and_pattern() {
    let mut offenders = Vec::new();
    for message in all() {
        let Some(annotation) = annotation(&message) else {
            offenders.push(format!("{}: no google.api.resource", message.full_name()));
            continue;
        };
        let service = message.package_name().split('.').nth(1).unwrap().to_owned();
        let (singular, plural, pattern) = (text(&annotation, "singular"), text(&annotation, "plural"), pattern(&annotation));
        // A singleton has no ID in its name.
        let is_singleton = singular == plural;
        let ends = if is_singleton { singular.clone() } else { format!("{plural}/{{{}}}", snake(&singular)) };
        let fits = text(&annotation, "type") == format!("{service}.stoa/{}", message.name())
            && singular == camel(message.name())
            && pattern.ends_with(&ends)
            && found_at(&message) == Some(shape(&pattern));
        if !fits {
            offenders.push(format!("{}: {pattern}, but its path is {:?}", message.full_name(), found_at(&message)));
        }
    }
    assert_none("invalid google.api.resource", offenders);
}

#[test]
fn every_reference_names_a_type_that_exists() {
    let types: BTreeSet<String> = all().filter_map(|m| annotation(&m)).map(|a| text(&a, "type")).collect();
    let extension = POOL.get_extension_by_name("google.api.resource_reference").unwrap();
    let mut offenders = Vec::new();
    for field in ours().flat_map(|m| m.fields().collect::<Vec<_>>()).filter(|f| f.options().has_extension(&extension)) {
        let reference = field.options().get_extension(&extension).into_owned();
        let reference = reference.as_message().unwrap();
        let named = text(reference, "type") + &text(reference, "child_type");
        if !types.contains(&named) {
            offenders.push(format!("{}: {named}", field.full_name()));
        }
    }
    assert_none("reference to an unknown resource", offenders);
}
