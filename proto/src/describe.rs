//! Options that the proto files set on methods, events and fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

use crate::POOL;

/// Who may call a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// No one: the method has no rule.
    None,
    /// Anyone, without a token.
    Public,
    /// Another service of the suite.
    Internal,
    /// Callers whose roles grant the permission.
    Permission(String),
    /// Whoever has a signed link that grants the permission. If `webhook` is set,
    /// the request has to be signed, too.
    Signed {
        /// `noun.verb`.
        permission: String,
        /// Whether the request is signed.
        webhook: bool,
    },
}

fn extension(name: &str) -> Option<ExtensionDescriptor> {
    POOL.get_extension_by_name(&format!("stoa.options.v1.{name}"))
}

/// Returns the path of a method in gRPC, `/package.Service/Method`.
#[must_use]
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// Returns all methods of the API, in the order of the files.
pub fn methods() -> impl Iterator<Item = MethodDescriptor> {
    POOL.services().filter(|s| s.full_name().starts_with("stoa.")).flat_map(|s| s.methods().collect::<Vec<_>>())
}

/// Returns the access rule of a method.
#[must_use]
pub fn access(method: &MethodDescriptor) -> Access {
    let Some(extension) = extension("access") else { return Access::None };
    let options = method.options();
    if !options.has_extension(&extension) {
        return Access::None;
    }
    let value = options.get_extension(&extension);
    let Some(rule) = value.as_message() else { return Access::None };
    if flag(rule, "public") {
        Access::Public
    } else if flag(rule, "internal") {
        Access::Internal
    } else if let Some(signed) = rule.get_field_by_name("signed").filter(|_| rule.has_field_by_name("signed"))
        && let Some(signed) = signed.as_message()
    {
        match text(signed, "permission") {
            permission if permission.is_empty() => Access::None,
            permission => Access::Signed { permission, webhook: flag(signed, "webhook") },
        }
    } else {
        match text(rule, "permission") {
            permission if permission.is_empty() => Access::None,
            permission => Access::Permission(permission),
        }
    }
}

/// Returns the field with the resource in an update request, for example the
/// `Tier` in `UpdateTierRequest`.
#[must_use]
pub fn updated_field(request: &MessageDescriptor) -> Option<FieldDescriptor> {
    let noun = request.name().strip_prefix("Update")?.strip_suffix("Request")?;
    request.fields().find(|field| field.kind().as_message().is_some_and(|message| message.name() == noun))
}

/// Returns the name of the response field that resumes a server stream.
#[must_use]
pub fn resume_field(method: &MethodDescriptor) -> Option<String> {
    let extension = extension("resume")?;
    let options = method.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_str().unwrap_or_default().to_owned())
}

/// Returns the subject of an event message, `service.noun.fact`.
#[must_use]
pub fn event_subject(message: &MessageDescriptor) -> Option<String> {
    let extension = extension("event")?;
    let options = message.options();
    if !options.has_extension(&extension) {
        return None;
    }
    options.get_extension(&extension).as_message().map(|m| text(m, "subject"))
}

/// Subjects of all event messages, by the full name of the message.
pub static EVENT_SUBJECTS: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| POOL.all_messages().filter_map(|m| event_subject(&m).map(|s| (m.full_name().to_owned(), s))).collect());

/// Whether a field is marked as personal data.
#[must_use]
pub fn is_personal(field: &FieldDescriptor) -> bool {
    extension("personal").is_some_and(|extension| {
        let options = field.options();
        options.has_extension(&extension) && options.get_extension(&extension).as_bool().unwrap_or_default()
    })
}

/// Whether a message contains personal data, at any depth.
#[must_use]
pub fn holds_personal(message: &MessageDescriptor) -> bool {
    fn search(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> bool {
        let nested = |field: &FieldDescriptor| match field.kind() {
            Kind::Message(inner) => Some(inner),
            _ => None,
        };
        seen.insert(message.full_name().to_owned())
            && message.fields().any(|field| is_personal(&field) || nested(&field).is_some_and(|inner| search(&inner, seen)))
    }
    search(message, &mut BTreeSet::new())
}

/// Redacts personal data, at any depth: single strings become `[redacted]`, and
/// other fields are cleared.
pub fn redact(message: &mut DynamicMessage) {
    let fields: Vec<FieldDescriptor> = message.fields().map(|(f, _)| f).collect();
    for field in fields {
        if is_personal(&field) {
            message.clear_field(&field);
            if field.kind() == Kind::String && !field.is_list() {
                message.set_field(&field, Value::String("[redacted]".to_owned()));
            }
            continue;
        }
        match message.get_field_mut(&field) {
            Value::Message(inner) => redact(inner),
            Value::List(items) => items.iter_mut().for_each(|item| {
                if let Value::Message(inner) = item {
                    redact(inner);
                }
            }),
            _ => {}
        }
    }
}

/// Returns the comment above an item in its proto file.
#[must_use]
pub fn comment(path: &[i32], file: &FileDescriptor) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let text = info.and_then(|i| i.location.iter().find(|l| l.path == path)).and_then(|l| l.leading_comments.clone());
    paragraphs(&text.unwrap_or_default())
}

/// Removes the line breaks that a comment has only because of its file. Lists and
/// paragraphs stay separate, as in Markdown.
fn paragraphs(comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines().map(str::trim) {
        let glue = if line.is_empty() || line.starts_with("- ") || text.ends_with('\n') { "\n" } else { " " };
        if !text.is_empty() {
            text.push_str(glue);
        }
        text.push_str(line);
    }
    text.trim().to_owned()
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|v| v.as_bool()).unwrap_or_default()
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::paragraphs;

    #[test]
    fn lists_and_paragraphs_stay_separate() {
        assert_eq!(
            paragraphs(" A state\n of a deal.\n\n - A -> B: by\n - B -> C: by\n"),
            "A state of a deal.\n\n- A -> B: by\n- B -> C: by"
        );
        assert_eq!(paragraphs(" One\n line.\n\n Another\n one."), "One line.\n\nAnother one.");
    }
}
