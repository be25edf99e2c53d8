//! Rules that every proto file of the API follows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fields;
mod resources;

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, MethodDescriptor};
use stoa_proto::{
    POOL,
    describe::{self, Access},
    validate,
};

fn ours() -> impl Iterator<Item = MessageDescriptor> {
    POOL.all_messages().filter(|m| m.package_name().starts_with("stoa.") && !m.is_map_entry())
}

fn http_rule(method: &MethodDescriptor) -> Option<DynamicMessage> {
    let extension = POOL.get_extension_by_name("google.api.http").unwrap();
    let options = method.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().unwrap().clone())
}

fn is_read(method: &MethodDescriptor) -> bool {
    let rule = http_rule(method).unwrap();
    rule.has_field_by_name("get")
}

/// Fails with a list of all offenders.
fn assert_none(what: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

#[test]
fn every_rule_of_every_field_is_known() {
    validate::prepare();
}

#[test]
fn every_method_has_an_access_rule() {
    let permission = regex::Regex::new("^[a-z][A-Za-z]*\\.[a-z]+$").unwrap();
    let offenders = describe::methods().filter(|m| match describe::access(m) {
        Access::None => true,
        Access::Permission(p) | Access::Signed { permission: p, .. } => !permission.is_match(&p),
        Access::Public | Access::Internal => false,
    });
    assert_none("no access rule, or a permission that is not noun.verb", offenders.map(|m| m.full_name().to_owned()).collect());
}

/// The door takes the link from the path, and the payload of a webhook from its
/// field, without knowing the method.
#[test]
fn signed_methods_have_the_fields_that_the_door_reads() {
    let offenders = describe::methods().filter(|m| {
        let Access::Signed { webhook, .. } = describe::access(m) else { return false };
        let is = |number: u32, name: &str, kind: &Kind| m.input().get_field(number).is_some_and(|f| f.name() == name && f.kind() == *kind);
        let path = http_rule(m).map(|rule| rule.to_string()).unwrap_or_default();
        !(is(1, "link", &Kind::String) && path.contains("{link}") && (!webhook || is(2, "payload", &Kind::Bytes)))
    });
    assert_none("a signed method without its link or payload", offenders.map(|m| m.full_name().to_owned()).collect());
}

#[test]
fn every_method_has_an_http_path() {
    let offenders = describe::methods().filter(|m| http_rule(m).is_none());
    assert_none("no google.api.http", offenders.map(|m| m.full_name().to_owned()).collect());
}

#[test]
fn no_two_methods_share_a_path() {
    let variable = regex::Regex::new("\\{[^}=]*(=[^}]*)?\\}").unwrap();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut offenders = Vec::new();
    for method in describe::methods() {
        let rule = http_rule(&method).unwrap();
        let (verb, path) = ["get", "post", "patch", "delete", "put"]
            .iter()
            .find_map(|v| rule.has_field_by_name(v).then(|| (*v, rule.get_field_by_name(v).unwrap().as_str().unwrap().to_owned())))
            .unwrap();
        let shape = variable.replace_all(&path, |c: &regex::Captures<'_>| c.get(1).map_or("*".to_owned(), |m| m.as_str()[1..].to_owned()));
        if let Some(other) = seen.insert(format!("{verb} {shape}"), method.full_name().to_owned()) {
            offenders.push(format!("{} and {other}: {verb} {path}", method.full_name()));
        }
    }
    assert_none("same path", offenders);
}

#[test]
fn every_change_can_be_retried_with_a_request_id() {
    let offenders = describe::methods()
        .filter(|m| !is_read(m) && !m.is_client_streaming() && m.input().get_field_by_name("request_id").is_none() && !is_exempt(m));
    assert_none("no request_id", offenders.map(|m| m.full_name().to_owned()).collect());
}

/// Methods that POST without changing anything, and methods whose rows have a
/// key of their own.
fn is_exempt(method: &MethodDescriptor) -> bool {
    ["Compute", "BatchPushChanges", "RecordPortalActivity", "ReplayParkedEvents"].iter().any(|n| method.name().starts_with(n))
}

#[test]
fn every_list_is_paged() {
    let mut offenders = Vec::new();
    for method in describe::methods().filter(|m| m.name().starts_with("List")) {
        let (input, output) = (method.input(), method.output());
        let paged = input.get_field_by_name("page_size").is_some() && input.get_field_by_name("page_token").is_some();
        let answers = output.get_field_by_name("next_page_token").is_some() && output.fields().any(|f| f.is_list());
        if !paged || !answers {
            offenders.push(method.full_name().to_owned());
        }
    }
    assert_none("not paged", offenders);
}

/// Concurrent changes of one object must not silently overwrite each other: the
/// request has the object's etag, or the object that contains it.
#[test]
fn every_change_of_an_object_accepts_its_etag() {
    // The path ends with the object, or with a custom verb after it.
    let names_object = regex::Regex::new("\\{[a-z_.]+=[^}]*\\}(:[A-Za-z]+)?$").unwrap();
    let has_etag = |message: &MessageDescriptor| message.get_field_by_name("etag").is_some();
    let mut offenders = Vec::new();
    for method in describe::methods().filter(|m| !is_read(m) && m.input().get_field_by_name("request_id").is_some()) {
        let rule = http_rule(&method).unwrap();
        let text = |field: &str| rule.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let changes = ["post", "patch", "put", "delete"].iter().any(|verb| names_object.is_match(&text(verb)));
        let object = method.input().get_field_by_name(&text("body")).and_then(|f| f.kind().as_message().cloned());
        if changes && !has_etag(&method.input()) && !object.is_some_and(|object| has_etag(&object)) {
            offenders.push(format!("{} ({})", method.full_name(), method.parent_file().name()));
        }
    }
    assert_none("no etag", offenders);
}

fn comment(path: &[i32], file: &prost_types::FileDescriptorProto) -> String {
    let info = file.source_code_info.as_ref().unwrap();
    info.location.iter().find(|l| l.path == path).and_then(|l| l.leading_comments.clone()).unwrap_or_default()
}

#[test]
fn everything_is_documented() {
    let mut offenders = Vec::new();
    let mut check = |name: &str, path: &[i32], file: &prost_types::FileDescriptorProto| {
        if comment(path, file).trim().is_empty() {
            offenders.push(name.to_owned());
        }
    };
    for message in ours() {
        let file = message.parent_file();
        check(message.full_name(), message.path(), file.file_descriptor_proto());
        for field in message.fields() {
            check(field.full_name(), field.path(), file.file_descriptor_proto());
        }
    }
    for service in POOL.services().filter(|s| s.full_name().starts_with("stoa.")) {
        let file = service.parent_file();
        check(service.full_name(), service.path(), file.file_descriptor_proto());
        for method in service.methods() {
            check(method.full_name(), method.path(), file.file_descriptor_proto());
        }
    }
    for described in POOL.all_enums().filter(|e| e.full_name().starts_with("stoa.")) {
        let file = described.parent_file();
        check(described.full_name(), described.path(), file.file_descriptor_proto());
        for value in described.values() {
            check(value.full_name(), value.path(), file.file_descriptor_proto());
        }
    }
    assert_none("no comment", offenders);
}

#[test]
fn every_event_has_a_subject_of_its_own() {
    let form = regex::Regex::new("^[a-z]+\\.[a-z_]+\\.[a-z_]+$").unwrap();
    let mut seen = BTreeSet::new();
    let mut offenders = Vec::new();
    for message in ours() {
        let in_events_file = message.parent_file().name().ends_with("/events.proto");
        match describe::event_subject(&message) {
            Some(subject) => {
                let service = message.package_name().split('.').nth(1).unwrap();
                if !form.is_match(&subject) || !subject.starts_with(&format!("{service}.")) || !seen.insert(subject.clone()) {
                    offenders.push(format!("{}: {subject}", message.full_name()));
                }
                let state = message.get_field(1);
                if state.is_none_or(|f| !matches!(f.kind(), Kind::Message(_))) {
                    offenders.push(format!("{}: field 1 is not the aggregate", message.full_name()));
                }
            }
            None if in_events_file => offenders.push(format!("{}: no subject", message.full_name())),
            None => {}
        }
    }
    assert_none("invalid event", offenders);
}

#[test]
fn no_event_carries_personal_data() {
    let mut offenders = Vec::new();
    for event in ours().filter(|m| describe::event_subject(m).is_some()) {
        let mut seen = BTreeSet::new();
        let mut open = vec![event.clone()];
        while let Some(message) = open.pop() {
            if !seen.insert(message.full_name().to_owned()) {
                continue;
            }
            for field in message.fields() {
                if describe::is_personal(&field) {
                    offenders.push(format!("{}: {}", event.full_name(), field.full_name()));
                }
                open.extend(field.kind().as_message().cloned());
            }
        }
    }
    assert_none("personal data in an event", offenders);
}

#[test]
fn every_server_stream_names_the_field_that_resumes_it() {
    let offenders = describe::methods().filter(|m| m.is_server_streaming() && !m.is_client_streaming()).filter(|m| {
        describe::resume_field(m).is_none_or(|f| m.output().get_field_by_name(&f).is_none() || m.input().get_field_by_name(&f).is_none())
    });
    assert_none("no resume field in request and response", offenders.map(|m| m.full_name().to_owned()).collect());
}

#[test]
fn the_embedded_descriptors_keep_custom_options() {
    let method = POOL.get_service_by_name("stoa.onboard.v1.ProgramService").unwrap().methods().next().unwrap();
    assert_eq!(describe::access(&method), Access::Permission("programs.write".to_owned()));
    assert_eq!(describe::EVENT_SUBJECTS["stoa.onboard.v1.ProgramCreated"], "onboard.program.created");
}

#[test]
fn personal_fields_are_redacted_at_any_depth() {
    let request = stoa_proto::onboard::v1::CreatePersonRequest {
        person: Some(stoa_proto::onboard::v1::Person { display_name: "Ada".into(), partner: "partners/p".into(), ..Default::default() }),
        ..Default::default()
    };
    let descriptor = POOL.get_message_by_name("stoa.onboard.v1.CreatePersonRequest").unwrap();
    let mut message = DynamicMessage::decode(descriptor, prost::Message::encode_to_vec(&request).as_slice()).unwrap();
    describe::redact(&mut message);
    let text = message.to_string();
    assert!(text.contains("[redacted]") && text.contains("partners/p") && !text.contains("Ada"), "{text}");
}
