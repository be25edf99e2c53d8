//! Limits of the fields of requests, from the annotations of the proto files.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{FieldDescriptor, MessageDescriptor, MethodDescriptor};
use stoa_proto::{
    behavior::{Behavior, behaviors},
    describe::{self, Access},
    validate,
};

use super::table;

const INTRO: &str = "\
## Fields

What the proto files say about the fields that callers set, service by service. A text
in backticks is a regular expression or the only value. Lengths are in Unicode
characters. No string may contain U+0000 or another control character except tab, line
feed and carriage return.
";

/// Number of packages in which a field has the same limit if it is listed once.
const PACKAGES_LEAST: usize = 3;

/// A field with a limit.
struct Row {
    package: String,
    /// Message and field.
    path: [String; 2],
    limit: String,
}

pub(super) fn section() -> String {
    let rows: Vec<Row> = messages().iter().flat_map(rows).collect();
    let everywhere = everywhere(&rows);
    let listed_once = everywhere.iter().map(|(field, limit)| [format!("`{field}`"), (*limit).to_owned()]);
    let mut text = format!("{INTRO}\n### Unless listed below\n\n{}", table(["Field", "Limit"], listed_once));

    let mut own: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| everywhere.get(row.path[1].as_str()) != Some(&row.limit.as_str())) {
        own.entry(&row.package).or_default().push(row);
    }
    for (package, rows) in own {
        let rows = rows.iter().map(|row| [format!("`{}`", row.path.join(".")), row.limit.clone()]);
        text += &format!("\n### {package}\n\n{}", table(["Field", "Limit"], rows));
    }
    text + "\n" + &streams()
}

/// The usual limit of each field that has the same one in several packages.
fn everywhere(rows: &[Row]) -> BTreeMap<&str, &str> {
    let mut packages: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows {
        let key = (row.path[1].as_str(), row.limit.as_str());
        packages.entry(key).or_default().insert(&row.package);
        *counts.entry(key).or_default() += 1;
    }
    let mut common: Vec<_> = counts.into_iter().filter(|(key, _)| packages[key].len() >= PACKAGES_LEAST).collect();
    // The most frequent one of a field comes last, and stays.
    common.sort_by_key(|(_, count)| *count);
    common.into_iter().map(|(key, _)| key).collect()
}

fn streams() -> String {
    let kind = |method: &MethodDescriptor| match (method.is_client_streaming(), method.is_server_streaming()) {
        (true, _) => Some("Rows from the caller; each group of rows waits for its turn"),
        (false, true) => Some("Answers to the caller"),
        (false, false) => None,
    };
    let rows = callable().filter_map(|method| kind(&method).map(|kind| [format!("`{}`", method.full_name()), kind.to_owned()]));
    let intro = "\
### Streams

Each counts against `limits.streams_per_caller_max` until it ends, and ends with the
caller's token. It has no deadline. `limits.message_bytes_max` holds for each of its
messages.
";
    format!("{intro}\n{}", table(["Method", "What it carries"], rows))
}

/// The methods that callers outside of the suite may have access to.
fn callable() -> impl Iterator<Item = MethodDescriptor> {
    describe::methods().filter(|method| !matches!(describe::access(method), Access::Internal | Access::None))
}

/// The messages that callers send, each after those that contain it.
fn messages() -> Vec<MessageDescriptor> {
    let (mut known, mut seen) = (Vec::new(), BTreeSet::new());
    for method in callable() {
        visit(&method.input(), &mut known, &mut seen);
    }
    known
}

fn visit(message: &MessageDescriptor, known: &mut Vec<MessageDescriptor>, seen: &mut BTreeSet<String>) {
    if !message.package_name().starts_with("stoa.") || !seen.insert(message.full_name().to_owned()) {
        return;
    }
    known.push(message.clone());
    for inner in message.fields().filter(is_sent).filter_map(|field| field.kind().as_message().cloned()) {
        visit(&inner, known, seen);
    }
}

/// Whether callers set a field.
fn is_sent(field: &FieldDescriptor) -> bool {
    !behaviors(field).contains(&Behavior::OutputOnly)
}

fn rows(message: &MessageDescriptor) -> Vec<Row> {
    let limit = |field: FieldDescriptor| {
        let limit = validate::limits(&field).join("; ");
        let path = [message.name().to_owned(), field.name().to_owned()];
        (!limit.is_empty()).then(|| Row { package: message.package_name().to_owned(), path, limit })
    };
    message.fields().filter(is_sent).filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_callers_send_is_listed() {
        let names: BTreeSet<String> = messages().iter().map(|message| message.full_name().to_owned()).collect();
        assert!(names.contains("stoa.sell.v1.Deal") && names.contains("stoa.common.v1.Money"), "{names:?}");
        assert!(!names.contains("stoa.sell.v1.ListDealsResponse") && !names.contains("stoa.sell.v1.DealRegistered"), "{names:?}");
        let text = section();
        assert!(!text.contains("Deal.etag") && !text.contains("Deal.state"), "output-only fields are not sent");
    }

    #[test]
    fn a_field_that_is_the_same_everywhere_is_listed_once() {
        let text = section();
        assert_eq!(text.matches("page_size").count(), 1, "{text}");
    }
}
