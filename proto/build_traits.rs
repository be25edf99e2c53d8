//! Code generated from the descriptors in addition to prost's: one function per
//! trait in `src/resource.rs`.

use std::fmt::Write;

use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

/// Fields that change with every version and are therefore no change by
/// themselves.
const BOOKKEEPING: [&str; 3] = ["etag", "create_time", "update_time"];

/// All implementations, as the source code of one file.
pub(crate) fn traits(pool: &DescriptorPool) -> Result<String, Box<dyn std::error::Error>> {
    let mut code = String::new();
    for message in pool.all_messages().filter(|m| m.package_name().starts_with("stoa.") && m.parent_message().is_none()) {
        if is_aggregate(pool, &message) {
            aggregate(&mut code, pool, &message)?;
        }
        event(&mut code, pool, &message)?;
    }
    let mut reasons = Vec::new();
    for value in pool.all_enums().filter(|e| e.package_name().starts_with("stoa.")) {
        enumeration(&mut code, &value, &mut reasons)?;
    }
    reasons.sort();
    reasons.dedup();
    writeln!(code, "/// Every error reason of the API, sorted and without its prefix.\npub const REASONS: &[&str] = &{reasons:?};")?;
    for service in pool.services().filter(|s| s.full_name().starts_with("stoa.")) {
        for method in service.methods().filter(|m| !m.is_client_streaming() && !m.is_server_streaming()) {
            request(&mut code, &method)?;
        }
    }
    Ok(code)
}

/// Whether a message is a versioned resource: it has a name and an etag, and is
/// not the request of a method.
fn is_aggregate(pool: &DescriptorPool, message: &MessageDescriptor) -> bool {
    let text = |name: &str| message.get_field_by_name(name).is_some_and(|f| f.kind() == Kind::String && !f.is_list());
    let is_request = || pool.services().any(|s| s.methods().any(|m| m.input() == *message));
    text("name") && text("etag") && !is_request()
}

fn aggregate(code: &mut String, pool: &DescriptorPool, message: &MessageDescriptor) -> Result<(), Box<dyn std::error::Error>> {
    let pattern = pattern(pool, message).ok_or_else(|| format!("{} has no google.api.resource with a pattern", message.full_name()))?;
    let fields: Vec<String> = message
        .fields()
        .filter(|f| !BOOKKEEPING.contains(&f.name()) && f.name() != "name")
        .map(|f| format!("({}, {:?})", f.number(), f.name()))
        .collect();
    let partner = match message.get_field_by_name("partner") {
        Some(field) if field.kind() == Kind::String && !field.is_list() => "&self.partner",
        _ if pattern.starts_with("partners/") => "&self.name",
        _ => "\"\"",
    };
    let created = if has_time(message, "create_time") { "self.create_time = Some(at);" } else { "" };
    let updated = if has_time(message, "update_time") { "self.update_time = Some(at);" } else { "" };
    writeln!(
        code,
        "impl Aggregate for {} {{\n\
         const PATTERN: &'static str = {pattern:?};\n\
         const FIELDS: &'static [(u32, &'static str)] = &[{}];\n\
         fn resource_name(&self) -> &str {{ &self.name }}\n\
         fn etag(&self) -> &str {{ &self.etag }}\n\
         fn partner(&self) -> &str {{ {partner} }}\n\
         fn set_version(&mut self, etag: String, at: prost_types::Timestamp, first: bool) {{\n\
         self.etag = etag; {updated} if first {{ {created} }} let _ = at; }}\n}}",
        path(message.full_name()),
        fields.join(", "),
    )?;
    Ok(())
}

fn pattern(pool: &DescriptorPool, message: &MessageDescriptor) -> Option<String> {
    let resource = option(pool, message.options(), "google.api.resource")?;
    let patterns = resource.get_field_by_name("pattern")?;
    patterns.as_list()?.first()?.as_str().map(str::to_owned)
}

fn has_time(message: &MessageDescriptor, name: &str) -> bool {
    message.get_field_by_name(name).is_some_and(|f| matches!(f.kind(), Kind::Message(m) if m.full_name() == "google.protobuf.Timestamp"))
}

/// `impl Event`. Field 1 of an event is its aggregate or a projection of it: a
/// message with some of the aggregate's fields, under the same names.
fn event(code: &mut String, pool: &DescriptorPool, message: &MessageDescriptor) -> Result<(), Box<dyn std::error::Error>> {
    let Some(option) = option(pool, message.options(), "stoa.options.v1.event") else { return Ok(()) };
    let text = |name: &str| option.get_field_by_name(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let state = message.get_field(1).ok_or_else(|| format!("{} has no field 1", message.full_name()))?;
    let Kind::Message(held) = state.kind() else { return Err(format!("{}: field 1 is not a message", message.full_name()).into()) };
    let (aggregate, data) = match text("resource") {
        name if name.is_empty() => (held.clone(), "resource::wrapped(document)".to_owned()),
        name => {
            let resource =
                pool.get_message_by_name(&format!("{}.{name}", message.package_name())).ok_or_else(|| format!("no message {name}"))?;
            let kept: Vec<String> = held.fields().map(|f| format!("{0}: aggregate.{0}.clone()", f.name())).collect();
            let projection = format!("{} {{ {} }}", path(held.full_name()), kept.join(", "));
            (
                resource,
                format!(
                    "{{ let _ = document; prost::Message::encode_to_vec(&{} {{ {}: Some({projection}) }}) }}",
                    path(message.full_name()),
                    state.name()
                ),
            )
        }
    };
    if !is_aggregate(pool, &aggregate) {
        return Err(format!("{}: {} is not a versioned resource", message.full_name(), aggregate.full_name()).into());
    }
    let unused = if data.starts_with("resource") { "_aggregate" } else { "aggregate" };
    writeln!(
        code,
        "impl Event for {} {{ type Aggregate = {}; const SUBJECT: &'static str = {:?};\n\
         fn encode_event({unused}: &Self::Aggregate, document: &[u8]) -> Vec<u8> {{ {data} }} }}",
        path(message.full_name()),
        path(aggregate.full_name()),
        text("subject"),
    )?;
    Ok(())
}

fn enumeration(code: &mut String, value: &EnumDescriptor, reasons: &mut Vec<String>) -> Result<(), std::fmt::Error> {
    let prefix = value.get_value(0).map(|v| v.name().trim_end_matches("UNSPECIFIED").to_owned()).unwrap_or_default();
    let path = path(value.full_name());
    writeln!(
        code,
        "impl ProtoEnum for {path} {{ const PREFIX: &'static str = {prefix:?};\n\
         fn value_name(self) -> &'static str {{ self.as_str_name() }}\n\
         fn from_value_name(name: &str) -> Option<Self> {{ Self::from_str_name(name) }} }}"
    )?;
    if value.name() == "ErrorReason" {
        writeln!(code, "impl ReasonEnum for {path} {{}}")?;
        reasons.extend(value.values().filter(|v| v.number() != 0).map(|v| v.name().trim_start_matches(prefix.as_str()).to_owned()));
    }
    Ok(())
}

fn request(code: &mut String, method: &MethodDescriptor) -> Result<(), std::fmt::Error> {
    let (input, output) = (method.input(), method.output());
    let text = |name: &str| input.get_field_by_name(name).is_some_and(|f| f.kind() == Kind::String && !f.is_list());
    if method.name().starts_with("Get") && text("name") {
        writeln!(code, "impl GetRequest for {} {{ fn name(&self) -> &str {{ &self.name }} }}", path(input.full_name()))?;
    }
    let items = output.fields().find(|f| f.is_list() && matches!(f.kind(), Kind::Message(_)));
    if let Some(items) = items
        && method.name().starts_with("List")
        && text("page_token")
        && output.get_field_by_name("next_page_token").is_some()
        && output.fields().count() == 2
    {
        list(code, method, &items)?;
    }
    Ok(())
}

fn list(code: &mut String, method: &MethodDescriptor, items: &FieldDescriptor) -> Result<(), std::fmt::Error> {
    let (input, output) = (method.input(), method.output());
    let Kind::Message(item) = items.kind() else { return Ok(()) };
    let text = |name: &str| if input.get_field_by_name(name).is_some() { format!("&self.{name}") } else { "\"\"".to_owned() };
    writeln!(
        code,
        "impl ListRequest for {} {{ type Item = {}; type Response = {}; const METHOD: &'static str = {:?};\n\
         fn page_size(&self) -> i32 {{ self.page_size }}\n\
         fn page_token(&self) -> &str {{ &self.page_token }}\n\
         fn parent(&self) -> &str {{ {} }}\n\
         fn filter(&self) -> &str {{ {} }}\n\
         fn order_by(&self) -> &str {{ {} }}\n\
         fn response(items: Vec<Self::Item>, next_page_token: String) -> Self::Response {{ {} {{ {}: items, next_page_token }} }} }}",
        path(input.full_name()),
        path(item.full_name()),
        path(output.full_name()),
        method.name(),
        text("parent"),
        text("filter"),
        text("order_by"),
        path(output.full_name()),
        items.name(),
    )
}

fn option(pool: &DescriptorPool, options: DynamicMessage, name: &str) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().cloned()).flatten()
}

/// Path of the generated type, for example `onboard::v1::Program` for
/// `stoa.onboard.v1.Program`.
fn path(full_name: &str) -> String {
    full_name.trim_start_matches("stoa.").replace('.', "::")
}
