//! Prints settings as a TOML file.

use std::fmt::Write as _;

use figment::value::{Dict, Num, Value};

use crate::Config;

pub(crate) fn toml(config: &Config) -> String {
    let mut out = String::new();
    // Secrets serialize themselves as `[redacted]`.
    if let Ok(Value::Dict(_, dict)) = Value::serialize(config) {
        table(&mut out, "", &dict);
    }
    out
}

fn table(out: &mut String, path: &str, dict: &Dict) {
    for (key, value) in dict {
        if !is_table(value) {
            let _ = writeln!(out, "{} = {}", name(key), inline(value));
        }
    }
    for (key, value) in dict {
        let path = if path.is_empty() { name(key) } else { format!("{path}.{}", name(key)) };
        match value {
            Value::Dict(_, inner) => {
                let _ = writeln!(out, "\n[{path}]");
                table(out, &path, inner);
            }
            Value::Array(_, items) if is_table(value) => {
                for inner in items.iter().filter_map(Value::as_dict) {
                    let _ = writeln!(out, "\n[[{path}]]");
                    table(out, &path, inner);
                }
            }
            _ => {}
        }
    }
}

/// A table, or a list of tables.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Dict(..) => true,
        Value::Array(_, items) => items.first().is_some_and(|item| item.as_dict().is_some()),
        _ => false,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, Num::F32(number)) => format!("{number:?}"),
        Value::Num(_, Num::F64(number)) => format!("{number:?}"),
        Value::Num(..) => value.to_i128().map(|n| n.to_string()).or_else(|| value.to_u128().map(|n| n.to_string())).unwrap_or_default(),
        Value::Array(_, items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Dict(..) | Value::Empty(..) => quoted(""),
        Value::String(_, text) => quoted(text),
        Value::Char(_, c) => quoted(&c.to_string()),
    }
}

fn name(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
