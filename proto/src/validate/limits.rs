//! What the annotations of a field limit, in words.

use prost_reflect::FieldDescriptor;

use super::{Check, choices, compile};

/// Returns what the annotations of a field limit, for example `1 to 200 characters`.
/// Includes limits that the handler of a method checks itself. Empty if there are
/// none.
#[must_use]
pub fn limits(field: &FieldDescriptor) -> Vec<String> {
    texts(&compile::field_checks(field).0, field)
}

fn texts(checks: &[Check], field: &FieldDescriptor) -> Vec<String> {
    let ranges = [range(checks, length, " characters"), range(checks, entries, " entries"), range(checks, number, "")];
    ranges.into_iter().flatten().chain(checks.iter().filter_map(|check| text(check, field))).collect()
}

/// Least and most of one kind.
type Bounds = (Option<i64>, Option<i64>);

fn range(checks: &[Check], bounds: fn(&Check) -> Bounds, unit: &str) -> Option<String> {
    let (least, most) = checks.iter().map(bounds).fold((None, None), |(least, most), (min, max)| (least.or(min), most.or(max)));
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least}{unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("up to {most}{unit}")),
        (None, None) => None,
    }
}

fn length(check: &Check) -> Bounds {
    match check {
        Check::StringLenMin(n) => (i64::try_from(*n).ok(), None),
        Check::StringLenMax(n) => (None, i64::try_from(*n).ok()),
        _ => (None, None),
    }
}

fn entries(check: &Check) -> Bounds {
    match check {
        Check::ItemsMin(n) => (i64::try_from(*n).ok(), None),
        Check::ItemsMax(n) => (None, i64::try_from(*n).ok()),
        _ => (None, None),
    }
}

fn number(check: &Check) -> Bounds {
    match check {
        Check::NumberMin { bound, exclusive } => (Some(bound.saturating_add((*exclusive).into())), None),
        Check::NumberMax { bound, exclusive } => (None, Some(bound.saturating_sub((*exclusive).into()))),
        _ => (None, None),
    }
}

fn text(check: &Check, field: &FieldDescriptor) -> Option<String> {
    match check {
        Check::StringConst(text) => Some(format!("`{text}`")),
        Check::StringPattern(pattern) => Some(format!("`{pattern}`")),
        Check::StringIn(list) => Some(format!("one of {}", list.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", "))),
        Check::BytesLenMax(n) => Some(format!("up to {n} bytes")),
        Check::NumberIn(list) => Some(format!("one of {}", choices(field, list))),
        Check::NumberNotIn(list) if list.iter().any(|n| *n != 0) => Some(format!("not {}", choices(field, list))),
        Check::Each(checks) => Some(texts(checks, field).join(", ")).filter(|text| !text.is_empty()).map(|text| format!("each {text}")),
        // Set or not, and known or not, is no size.
        Check::Required | Check::EnumDefined | Check::NumberNotIn(_) | Check::StringStorable => None,
        Check::StringLenMin(_)
        | Check::StringLenMax(_)
        | Check::NumberMin { .. }
        | Check::NumberMax { .. }
        | Check::ItemsMin(_)
        | Check::ItemsMax(_) => None,
    }
}
