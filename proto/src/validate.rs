//! Validates messages against the `buf.validate` annotations of the proto files.
//!
//! The rules of all messages are compiled once from the descriptors. An unknown
//! rule stops the program at startup, so that every annotated limit is enforced.

use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use regex::Regex;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::POOL;

mod compile;
mod limits;

pub use limits::limits;

/// A field that violates a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `partner.display_name` or `rows[2].amount`.
    pub field: String,
    /// What the field must be, and what it is.
    pub message: String,
}

/// Maximum number of violations in one response. Validation stops there.
pub const VIOLATIONS_MAX: usize = 20;

/// The violations found so far.
#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn is_full(&self) -> bool {
        self.0.len() >= VIOLATIONS_MAX
    }

    fn add(&mut self, field: &str, message: String) {
        if !self.is_full() {
            self.0.push(Violation { field: field.to_owned(), message });
        }
    }
}

/// The fields of a resource that an update changes (AIP-134).
enum Mask {
    /// Populated fields, because the request names none.
    Populated,
    /// Fields that a path starts with.
    Named(BTreeSet<String>),
}

impl Mask {
    /// The mask of a request, or `None` if it covers all fields.
    fn of(request: &DynamicMessage) -> Option<Self> {
        let mask = request.get_field_by_name("update_mask")?;
        let paths = mask.as_message()?.get_field_by_name("paths")?;
        let heads = paths.as_list()?.iter().filter_map(Value::as_str).map(|path| path.split('.').next().unwrap_or_default());
        let heads: BTreeSet<String> = heads.map(str::to_owned).collect();
        if heads.is_empty() {
            return Some(Self::Populated);
        }
        (!heads.contains("*")).then_some(Self::Named(heads))
    }

    /// Whether the update covers a field. Name and etag are always covered.
    fn covers(&self, field: &str, present: bool) -> bool {
        matches!(field, "name" | "etag")
            || match self {
                Self::Populated => present,
                Self::Named(heads) => heads.contains(field),
            }
    }
}

enum Check {
    Required,
    /// Of every string: no store and no document format holds these characters.
    StringStorable,
    StringConst(String),
    StringLenMin(u64),
    StringLenMax(u64),
    StringPattern(Regex),
    StringIn(Vec<String>),
    BytesLenMax(u64),
    NumberMin {
        bound: i64,
        exclusive: bool,
    },
    NumberMax {
        bound: i64,
        exclusive: bool,
    },
    NumberIn(Vec<i64>),
    EnumDefined,
    NumberNotIn(Vec<i64>),
    ItemsMin(u64),
    ItemsMax(u64),
    Each(Vec<Check>),
}

struct FieldRules {
    field: FieldDescriptor,
    checks: Vec<Check>,
    descend: bool,
    /// Whether nothing is wrong with the field if it is not set.
    may_be_empty: bool,
}

struct MessageRules {
    fields: Vec<FieldRules>,
    /// The field with the resource, in a request with an update mask.
    updated: Option<FieldDescriptor>,
}

static RULES: LazyLock<HashMap<String, MessageRules>> = LazyLock::new(|| {
    POOL.all_messages()
        .filter(|m| m.package_name().starts_with("stoa."))
        .map(|m| (m.full_name().to_owned(), compile::message(&m)))
        .collect()
});

/// Compiles all rules, so that an unknown rule is found at startup rather than at
/// the first request.
pub fn prepare() {
    LazyLock::force(&RULES);
}

/// Returns the violations of a message, in field order. Empty if it is valid.
#[must_use]
pub fn violations<M: Message + Name>(message: &M) -> Vec<Violation> {
    decode(&M::full_name(), &message.encode_to_vec())
        .map_or_else(|e| vec![Violation { field: String::new(), message: e }], |message| message_violations(&message))
}

/// Validates an encoded message.
///
/// # Errors
/// INVALID_ARGUMENT with every field violation, reason `INVALID_FIELD`.
pub fn check_bytes(full_name: &str, bytes: &[u8]) -> Result<(), Status> {
    check(&decode(full_name, bytes).map_err(|e| undecodable(full_name, e))?)
}

/// Validates a decoded message.
///
/// # Errors
/// INVALID_ARGUMENT with every field violation, reason `INVALID_FIELD`.
pub(crate) fn check(message: &DynamicMessage) -> Result<(), Status> {
    let found = message_violations(message);
    if found.is_empty() { Ok(()) } else { Err(status(&found)) }
}

/// The status for bytes that cannot be decoded, which names no field.
pub(crate) fn undecodable(full_name: &str, error: impl std::fmt::Display) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("INVALID_FIELD", "stoa", HashMap::new());
    let message = format!("the message cannot be decoded: {error}. Send it as {full_name}.");
    Status::with_error_details(tonic::Code::InvalidArgument, message, details)
}

/// The status that lists the violations.
#[must_use]
pub fn status(violations: &[Violation]) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("INVALID_FIELD", "stoa", HashMap::new());
    for violation in violations {
        details.add_bad_request_violation(violation.field.clone(), violation.message.clone());
    }
    // The message is sent in a header, so it lists only the first few violations.
    // The details list all of them.
    let text: Vec<String> = violations.iter().take(5).map(|v| format!("{}: {}", v.field, v.message)).collect();
    Status::with_error_details(tonic::Code::InvalidArgument, text.join("; "), details)
}

/// Decodes a message by its descriptor.
pub(crate) fn decode(full_name: &str, bytes: &[u8]) -> Result<DynamicMessage, String> {
    let descriptor = POOL.get_message_by_name(full_name).ok_or_else(|| format!("{full_name} is not in the descriptor pool"))?;
    DynamicMessage::decode(descriptor, bytes).map_err(|e| e.to_string())
}

fn message_violations(message: &DynamicMessage) -> Vec<Violation> {
    let mut found = Found::default();
    check_message(message, "", None, &mut found);
    found.0
}

fn check_message(message: &DynamicMessage, prefix: &str, mask: Option<&Mask>, found: &mut Found) {
    let Some(rules) = RULES.get(message.descriptor().full_name()) else { return };
    let inner = rules.updated.as_ref().and_then(|field| Some((field, Mask::of(message)?)));
    for rule in &rules.fields {
        if found.is_full() {
            return;
        }
        let (name, present) = (rule.field.name(), message.has_field(&rule.field));
        if mask.is_some_and(|mask| !mask.covers(name, present)) {
            continue;
        }
        if !present && rule.may_be_empty {
            continue;
        }
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let inner = inner.as_ref().filter(|(updated, _)| *updated == &rule.field).map(|(_, mask)| mask);
        check_field(message, rule, &path, inner, found);
    }
}

/// Checks one field of a message. `mask` applies to the message in the field.
fn check_field(message: &DynamicMessage, rule: &FieldRules, path: &str, mask: Option<&Mask>, found: &mut Found) {
    let present = message.has_field(&rule.field);
    if !present && rule.field.supports_presence() && !rule.checks.iter().any(|c| matches!(c, Check::Required)) {
        return;
    }
    let value = message.get_field(&rule.field);
    for check in &rule.checks {
        let Some(text) = violation(check, &value, present, &rule.field) else { continue };
        found.add(path, text);
        // The items of a list that is too long are not checked.
        if matches!(check, Check::ItemsMax(_)) {
            return;
        }
    }
    match value.as_ref() {
        Value::Message(inner) if rule.descend && present => check_message(inner, path, mask, found),
        Value::List(items) => check_items(items, rule, path, found),
        _ => {}
    }
}

fn check_items(items: &[Value], rule: &FieldRules, path: &str, found: &mut Found) {
    let checks: Vec<&Check> =
        rule.checks.iter().filter_map(|c| if let Check::Each(each) = c { Some(each) } else { None }).flatten().collect();
    if checks.is_empty() && !rule.descend {
        return;
    }
    for (i, item) in items.iter().enumerate() {
        if found.is_full() {
            return;
        }
        if let Some(text) = checks.iter().find_map(|check| violation(check, item, true, &rule.field)) {
            found.add(&format!("{path}[{i}]"), text);
        }
        if let (true, Value::Message(inner)) = (rule.descend, item) {
            check_message(inner, &format!("{path}[{i}]"), None, found);
        }
    }
}

/// Returns the message of the violation, or `None` if the value passes.
fn violation(check: &Check, value: &Value, present: bool, field: &FieldDescriptor) -> Option<String> {
    let chars = || value.as_str().map_or(0, |s| s.chars().count() as u64);
    let count = || value.as_list().map_or_else(|| value.as_map().map_or(0, |m| m.len() as u64), |l| l.len() as u64);
    match check {
        Check::Required => (!present).then(|| "must be set".to_owned()),
        Check::StringStorable => value.as_str().and_then(|text| text.chars().find(|c| is_unstorable(*c))).map(|c| {
            format!(
                "must not contain U+{:04X}. Of the characters below U+0020, only tab, line feed and carriage return are text.",
                u32::from(c)
            )
        }),
        Check::StringConst(c) => (value.as_str() != Some(c)).then(|| format!("must be `{c}`")),
        Check::StringLenMin(n) => (chars() < *n).then(|| match n {
            1 => "must not be empty".to_owned(),
            n => format!("must have at least {n} characters, not {}", chars()),
        }),
        Check::StringLenMax(n) => (chars() > *n).then(|| format!("must have at most {n} characters, not {}", chars())),
        Check::StringPattern(r) => (!r.is_match(value.as_str().unwrap_or_default())).then(|| format!("must match {r}")),
        Check::StringIn(list) => {
            (!list.iter().any(|s| Some(s.as_str()) == value.as_str())).then(|| format!("must be one of {}", list.join(", ")))
        }
        Check::BytesLenMax(n) => (value.as_bytes().map_or(0, |b| b.len() as u64) > *n).then(|| format!("must have at most {n} bytes")),
        Check::NumberMin { bound, exclusive } => number(value)
            .filter(|n| n < bound || (*exclusive && n == bound))
            .map(|n| format!("must be {} {bound}, not {n}", if *exclusive { "greater than" } else { "at least" })),
        Check::NumberMax { bound, exclusive } => number(value)
            .filter(|n| n > bound || (*exclusive && n == bound))
            .map(|n| format!("must be {} {bound}, not {n}", if *exclusive { "less than" } else { "at most" })),
        Check::NumberIn(list) => number(value).filter(|n| !list.contains(n)).map(|_| format!("must be one of {}", choices(field, list))),
        Check::NumberNotIn(list) => {
            number(value).filter(|n| list.contains(n)).map(|_| format!("must not be {}. Choose another value.", choices(field, list)))
        }
        Check::EnumDefined => match field.kind() {
            Kind::Enum(e) => number(value)
                .filter(|n| i32::try_from(*n).is_ok_and(|n| e.get_value(n).is_none()))
                .map(|n| format!("must be a value of {}, not {n}", e.full_name())),
            _ => None,
        },
        Check::ItemsMin(n) => (count() < *n).then(|| format!("must have at least {n} entries, not {}", count())),
        Check::ItemsMax(n) => (count() > *n).then(|| format!("must have at most {n} entries, not {}", count())),
        Check::Each(_) => None,
    }
}

/// PostgreSQL holds no U+0000. XML, and so the office and e-invoice formats,
/// holds none of these.
fn is_unstorable(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn choices(field: &FieldDescriptor, numbers: &[i64]) -> String {
    let names: Vec<String> = numbers
        .iter()
        .map(|n| match field.kind() {
            Kind::Enum(e) => i32::try_from(*n).ok().and_then(|n| e.get_value(n)).map_or_else(|| n.to_string(), |v| v.name().to_owned()),
            _ => n.to_string(),
        })
        .collect();
    names.join(", ")
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::I32(n) => Some(i64::from(*n)),
        Value::I64(n) => Some(*n),
        Value::U32(n) => Some(i64::from(*n)),
        Value::U64(n) => Some(i64::try_from(*n).unwrap_or(i64::MAX)),
        Value::EnumNumber(n) => Some(i64::from(*n)),
        _ => None,
    }
}
