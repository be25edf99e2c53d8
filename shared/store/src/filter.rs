//! Filters (AIP-160) as SQL conditions: only listed fields, only bound values.

use aip_160::{Arg, Comparator, Expression, Restriction, StringMatch, Value, parse_filter};
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Expr, LikeExpr},
};
use stoa_kernel::{Error, Result, names};

/// Longest filter, in characters.
pub const CHARS_MAX: usize = 2048;
/// Most comparisons in a filter.
pub const TERMS_MAX: usize = 50;

/// What a field holds, and so how its values are written and compared.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text: every comparator; `"abc*"`, `"*abc"` and `:` match parts; upper
    /// and lower case differ.
    Text,
    /// Whole numbers.
    Int,
    /// `true` or `false`.
    Bool,
    /// Instants, quoted RFC 3339, in a column of microseconds.
    Time,
    /// Names of an enum's values; the function knows their numbers.
    Enum(fn(&str) -> Option<i32>),
    /// Names of resources of a collection, in a column that holds the id:
    /// `partners/acme` is `acme`. `""` is none.
    Name(&'static str),
}

/// A field that a filter may name.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Path of the field in the API.
    pub api: &'static str,
    /// Its column; `table.column` in a query that joins.
    pub column: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// The number of an enum's value, named with the enum's prefix or without it.
/// `parse` is the enum's `from_str_name`.
pub fn enum_value<E: Into<i32>>(prefix: &str, name: &str, parse: fn(&str) -> Option<E>) -> Option<i32> {
    parse(&format!("{prefix}{}", name.strip_prefix(prefix).unwrap_or(name))).map(Into::into)
}

/// Turns a filter into a condition; an empty one matches everything.
///
/// # Errors
/// INVALID_ARGUMENT `FILTER_INVALID` naming the fields that are allowed.
pub fn lower(filter: &str, fields: &[Field]) -> Result<Condition> {
    condition(filter, fields).map_err(|problem| {
        let allowed: Vec<&str> = fields.iter().map(|field| field.api).collect();
        let message = format!("{problem}; it can name: {}", allowed.join(", "));
        Error::invalid("filter", message).with_reason("FILTER_INVALID")
    })
}

type Lowered<T> = Result<T, String>;

fn condition(filter: &str, fields: &[Field]) -> Lowered<Condition> {
    if filter.chars().count() > CHARS_MAX {
        return Err(format!("is longer than {CHARS_MAX} characters"));
    }
    // PostgreSQL has no such character in text.
    if filter.contains('\0') {
        return Err("contains a NUL character".to_owned());
    }
    let parsed = parse_filter(filter).map_err(|e| format!("cannot be read: {e}"))?;
    let mut terms = 0;
    parsed.expression.as_ref().map_or_else(|| Ok(Condition::all()), |e| expression(e, fields, &mut terms))
}

fn expression(e: &Expression, fields: &[Field], terms: &mut usize) -> Lowered<Condition> {
    let mut join = |whole: Condition, parts: &[Expression]| {
        parts.iter().try_fold(whole, |whole, part| Ok(whole.add(expression(part, fields, terms)?)))
    };
    match e {
        Expression::And(parts) | Expression::Sequence(parts) => join(Condition::all(), parts),
        Expression::Or(parts) => join(Condition::any(), parts),
        Expression::Not(part) => Ok(expression(part, fields, terms)?.not()),
        Expression::Global(_) => Err("has a bare term; write `field = value`".to_owned()),
        Expression::Restriction(restriction) => {
            *terms += 1;
            if *terms > TERMS_MAX {
                return Err(format!("has more than {TERMS_MAX} comparisons"));
            }
            Ok(Condition::all().add(compare(restriction, fields)?))
        }
    }
}

fn compare(restriction: &Restriction, fields: &[Field]) -> Lowered<Expr> {
    let path = restriction.comparable.field_path().ok_or("has a function or a quoted field; write `field = value`")?;
    let field = fields.iter().find(|field| field.api == path).ok_or_else(|| format!("names {path}, which it cannot"))?;
    let value = match &restriction.arg {
        Arg::Comparable(_) => restriction.arg.as_value(),
        Arg::Composite(_) => None,
    };
    let value = value.ok_or_else(|| format!("compares {path} with more than one value; quote it, or repeat the comparison"))?;
    let op = restriction.comparator;
    if value.is_null() {
        return match op {
            Comparator::Equal => Ok(column(field).is_null()),
            Comparator::NotEqual => Ok(column(field).is_not_null()),
            _ => Err(format!("compares {path} with null; use = or !=")),
        };
    }
    if let Kind::Text = field.kind { text(field, op, value) } else { typed(field, op, value) }
}

fn column(field: &Field) -> Expr {
    match field.column.split_once('.') {
        Some((table, column)) => Expr::col((table, column)),
        None => Expr::col(field.column),
    }
}

/// The column in the order of its bytes, whatever the locale of the database:
/// see [`crate::text_key`]. The name is ours, not the caller's.
fn ordered(field: &Field) -> Expr {
    Expr::cust(format!("\"{}\" COLLATE \"binary\"", field.column.replace('.', "\".\"")))
}

fn text(field: &Field, op: Comparator, value: &Value) -> Lowered<Expr> {
    let pattern = match (op, value.string_match()) {
        (Comparator::Has, None) if value.as_str() == "*" => return Ok(column(field).ne("")),
        (Comparator::Has, Some(StringMatch::Exact(s) | StringMatch::Prefix(s) | StringMatch::Suffix(s) | StringMatch::Contains(s))) => {
            Some(format!("%{}%", escape(s)))
        }
        (Comparator::Has, None) => Some(format!("%{}%", escape(value.as_str()))),
        (Comparator::Equal | Comparator::NotEqual, Some(StringMatch::Prefix(s))) => Some(format!("{}%", escape(s))),
        (Comparator::Equal | Comparator::NotEqual, Some(StringMatch::Suffix(s))) => Some(format!("%{}", escape(s))),
        (Comparator::Equal | Comparator::NotEqual, Some(StringMatch::Contains(s))) => Some(format!("%{}%", escape(s))),
        _ => None,
    };
    let Some(pattern) = pattern else {
        let side = if matches!(op, Comparator::Equal | Comparator::NotEqual) { column(field) } else { ordered(field) };
        return by(side, op, value.as_str().to_owned().into());
    };
    let like = LikeExpr::new(pattern).escape('\\');
    Ok(if op == Comparator::NotEqual { column(field).not_like(like) } else { column(field).like(like) })
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn typed(field: &Field, op: Comparator, value: &Value) -> Lowered<Expr> {
    let api = field.api;
    let said = value.as_str();
    let ordered = matches!(field.kind, Kind::Int | Kind::Time);
    if op == Comparator::Has || !(ordered || matches!(op, Comparator::Equal | Comparator::NotEqual)) {
        return Err(format!("compares {api} by {op}; use {}", if ordered { "=, !=, <, <=, > or >=" } else { "= or !=" }));
    }
    let (value, wanted): (Option<sea_orm::Value>, &str) = match field.kind {
        Kind::Int => (said.parse::<i64>().ok().map(Into::into), "a whole number"),
        Kind::Bool => (said.parse::<bool>().ok().map(Into::into), "true or false"),
        Kind::Time => {
            let instant = said.parse::<jiff::Timestamp>().ok().map(|t| t.as_microsecond().into());
            (instant, "an instant, quoted: \"2026-01-31T12:00:00Z\"")
        }
        Kind::Enum(number) => (number(said).map(Into::into), "one of its values' names"),
        Kind::Name(collection) => {
            let id = names::optional_id(api, collection, said).ok();
            return by(column(field), op, id.ok_or_else(|| format!("compares {api} with {value}; use \"{collection}/{{id}}\""))?.into());
        }
        Kind::Text => return text(field, op, value),
    };
    by(column(field), op, value.ok_or_else(|| format!("compares {api} with {said}; use {wanted}"))?)
}

fn by(side: Expr, op: Comparator, value: sea_orm::Value) -> Lowered<Expr> {
    Ok(match op {
        Comparator::Equal => side.eq(value),
        Comparator::NotEqual => side.ne(value),
        Comparator::GreaterThan => side.gt(value),
        Comparator::GreaterThanOrEqual => side.gte(value),
        Comparator::LessThan => side.lt(value),
        Comparator::LessThanOrEqual => side.lte(value),
        Comparator::Has => return Err("uses `:` where it cannot".to_owned()),
    })
}
