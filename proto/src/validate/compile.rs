//! Reads the rules of a message from its descriptor.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use regex::Regex;

use super::{Check, FieldRules, MessageRules, number};
use crate::{POOL, describe};

#[expect(clippy::expect_used, reason = "a mask that cannot be applied must stop the program at startup")]
pub(super) fn message(message: &MessageDescriptor) -> MessageRules {
    let fields = message.fields().filter_map(|field| {
        assert!(!field.is_map(), "{}: nothing checks the keys of a map", field.full_name());
        let (checks, ignored) = field_checks(&field);
        let descend = !ignored && !items_are_ignored(&field) && matches!(field.kind(), Kind::Message(_));
        let checks = if ignored { Vec::new() } else { with_storable(&field, checks) };
        let may_be_empty = checks.iter().all(passes_empty);
        (descend || !checks.is_empty()).then_some(FieldRules { field, checks, descend, may_be_empty })
    });
    let masked = message.get_field_by_name("update_mask").is_some();
    let updated =
        masked.then(|| describe::updated_field(message).expect("a request with an update mask holds the resource that it updates"));
    MessageRules { fields: fields.collect(), updated }
}

/// Adds the check that every string has to pass, annotated or not.
fn with_storable(field: &FieldDescriptor, mut checks: Vec<Check>) -> Vec<Check> {
    if matches!(field.kind(), Kind::String) {
        checks.push(if field.is_list() { Check::Each(vec![Check::StringStorable]) } else { Check::StringStorable });
    }
    checks
}

fn passes_empty(check: &Check) -> bool {
    matches!(
        check,
        Check::StringStorable | Check::StringLenMax(_) | Check::BytesLenMax(_) | Check::ItemsMax(_) | Check::EnumDefined | Check::Each(_)
    )
}

#[expect(clippy::panic, clippy::expect_used, reason = "a rule that cannot be enforced must stop the program at startup")]
pub(super) fn field_checks(field: &FieldDescriptor) -> (Vec<Check>, bool) {
    let extension = POOL.get_extension_by_name("buf.validate.field").expect("buf.validate is vendored");
    let options = field.options();
    if !options.has_extension(&extension) {
        return (Vec::new(), false);
    }
    let value = options.get_extension(&extension);
    let rules = value.as_message().expect("field rules are a message");
    let mut checks = Vec::new();
    let mut ignored = false;
    for (rule, value) in rules.fields() {
        match (rule.name(), value) {
            ("required", v) if v.as_bool() == Some(true) => checks.push(Check::Required),
            // IGNORE_ALWAYS: the handler validates the field itself.
            ("ignore", v) if v.as_enum_number() == Some(3) => ignored = true,
            (_, Value::Message(typed)) => typed_checks(field, typed, &mut checks),
            (name, _) => panic!("{}: unknown rule {name}", field.full_name()),
        }
    }
    (checks, ignored)
}

/// Whether `repeated.items.ignore = IGNORE_ALWAYS`: the length of the list is
/// limited here, and the handler validates each entry by itself.
fn items_are_ignored(field: &FieldDescriptor) -> bool {
    let Some(extension) = POOL.get_extension_by_name("buf.validate.field") else { return false };
    let options = field.options();
    let rules = options.get_extension(&extension);
    let inner = |value: &Value, name: &str| value.as_message().and_then(|m| m.get_field_by_name(name).map(|v| v.into_owned()));
    let items = inner(&rules, "repeated").and_then(|repeated| inner(&repeated, "items"));
    items.and_then(|items| inner(&items, "ignore")).is_some_and(|v| v.as_enum_number() == Some(3))
}

#[expect(clippy::panic, clippy::expect_used, reason = "a rule that cannot be enforced must stop the program at startup")]
fn typed_checks(field: &FieldDescriptor, typed: &DynamicMessage, checks: &mut Vec<Check>) {
    let kind = typed.descriptor().name().to_owned();
    for (rule, value) in typed.fields() {
        let text = || value.as_str().unwrap_or_default().to_owned();
        let size = || number(value).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let amount = || number(value).expect("bounds are whole numbers");
        let amounts = || value.as_list().unwrap_or_default().iter().filter_map(number).collect::<Vec<_>>();
        checks.push(match (kind.as_str(), rule.name()) {
            ("StringRules", "const") => Check::StringConst(text()),
            ("StringRules", "min_len") => Check::StringLenMin(size()),
            ("StringRules", "max_len") => Check::StringLenMax(size()),
            ("StringRules", "pattern") => Check::StringPattern(Regex::new(&text()).expect("pattern is a regular expression")),
            ("StringRules", "in") => {
                Check::StringIn(value.as_list().unwrap_or_default().iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
            }
            ("BytesRules", "max_len") => Check::BytesLenMax(size()),
            ("RepeatedRules", "min_items") => Check::ItemsMin(size()),
            ("RepeatedRules", "max_items") | ("MapRules", "max_pairs") => Check::ItemsMax(size()),
            ("RepeatedRules", "items") => {
                let mut each = Vec::new();
                let rules = value.as_message().expect("item rules are a message");
                for (_, inner) in rules.fields().filter(|(f, _)| f.name() != "ignore") {
                    typed_checks(field, inner.as_message().expect("typed rules are a message"), &mut each);
                }
                Check::Each(each)
            }
            ("EnumRules", "defined_only") => Check::EnumDefined,
            ("EnumRules" | "Int32Rules" | "Int64Rules", "in") => Check::NumberIn(amounts()),
            ("EnumRules" | "Int32Rules" | "Int64Rules", "not_in") => Check::NumberNotIn(amounts()),
            ("Int32Rules" | "Int64Rules", "gte") => Check::NumberMin { bound: amount(), exclusive: false },
            ("Int32Rules" | "Int64Rules", "gt") => Check::NumberMin { bound: amount(), exclusive: true },
            ("Int32Rules" | "Int64Rules", "lte") => Check::NumberMax { bound: amount(), exclusive: false },
            ("Int32Rules" | "Int64Rules", "lt") => Check::NumberMax { bound: amount(), exclusive: true },
            (kind, rule) => panic!("{}: unknown rule {kind}.{rule}", field.full_name()),
        });
    }
}
