//! Filters (AIP-160) as SQL conditions, with only listed fields and only bound
//! values.

use aip_160::{Arg, Comparator, Expression, Restriction, StringMatch, Value, parse_filter};
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{Expr, Func, LikeExpr},
};
use stoa_kernel::{Error, Result, Timestamp, names};
use stoa_proto::{common::v1::ErrorReason, resource::ProtoEnum};

/// Maximum length of a filter, in characters.
pub const CHARS_MAX: usize = 2048;
/// Maximum number of comparisons in a filter.
pub const TERMS_MAX: usize = 50;

/// What a field holds, which decides how its values are written and compared.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text: every comparator. `"abc*"`, `"*abc"` and `:` match parts.
    /// Case-sensitive.
    Text,
    /// Whole numbers.
    Int,
    /// `true` or `false`.
    Bool,
    /// Instants, quoted RFC 3339, in a column of microseconds.
    Time,
    /// Names of an enum's values. The function returns their numbers.
    Enum(fn(&str) -> Option<i32>),
    /// A state that may change with time. The second function is the condition
    /// that a row is in a state at an instant, whatever was recorded.
    State(fn(&str) -> Option<i32>, fn(i32, Timestamp) -> Condition),
    /// Names of resources of a collection, in a column that holds the ID:
    /// `partners/acme` is `acme`. `""` means no resource.
    Name(&'static str),
}

/// A field that a filter may name.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Path of the field in the API.
    pub api: &'static str,
    /// Its column. `table.column` in a query with a join.
    pub column: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a list may be ordered by it. An index serves the order.
    pub ordered: bool,
    /// Its value at an instant, if it differs from that of the column.
    pub at: Option<fn(Timestamp) -> Expr>,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { api: name, column: name, kind, ordered: false, at: None }
    }

    /// A text field, in a column with its name.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    /// A whole number, in a column with its name.
    #[must_use]
    pub const fn int(name: &'static str) -> Self {
        Self::new(name, Kind::Int)
    }

    /// True or false, in a column with its name.
    #[must_use]
    pub const fn bool(name: &'static str) -> Self {
        Self::new(name, Kind::Bool)
    }

    /// An instant, in a column with its name.
    #[must_use]
    pub const fn time(name: &'static str) -> Self {
        Self::new(name, Kind::Time)
    }

    /// A value of an enum, in a column with its name.
    #[must_use]
    pub const fn value<E: ProtoEnum>(name: &'static str) -> Self {
        Self::new(name, Kind::Enum(enum_value::<E>))
    }

    /// A state that may change with time. `in_state` is the condition that a row is
    /// in a state, by its number, at an instant.
    #[must_use]
    pub const fn state<E: ProtoEnum>(name: &'static str, in_state: fn(i32, Timestamp) -> Condition) -> Self {
        Self::new(name, Kind::State(enum_value::<E>, in_state))
    }

    /// The name of a resource of a collection, in a column with its ID.
    #[must_use]
    pub const fn name(name: &'static str, collection: &'static str) -> Self {
        Self::new(name, Kind::Name(collection))
    }

    /// Sets a column with another name.
    #[must_use]
    pub const fn column(mut self, column: &'static str) -> Self {
        self.column = column;
        self
    }

    /// Sets a value that depends on the instant, as answers show it. Not for
    /// text.
    #[must_use]
    pub const fn at(mut self, value: fn(Timestamp) -> Expr) -> Self {
        self.at = Some(value);
        self
    }

    /// Allows lists to be ordered by the field.
    #[must_use]
    pub const fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// The column as rows have it.
    pub(crate) fn stored_column(&self) -> Expr {
        column(self)
    }

    /// The column as lists are ordered by it.
    pub(crate) fn ordered_column(&self) -> Expr {
        if let Kind::Text = self.kind { ordered(self) } else { column(self) }
    }
}

/// The number of an enum's value, named with or without the enum's prefix.
fn enum_value<E: ProtoEnum>(name: &str) -> Option<i32> {
    let bare = name.strip_prefix(E::PREFIX).unwrap_or(name);
    E::from_value_name(&format!("{}{bare}", E::PREFIX)).map(Into::into)
}

/// Converts a filter to a condition at an instant. An empty filter matches
/// everything.
///
/// # Errors
/// INVALID_ARGUMENT `FILTER_INVALID`, naming the fields that are allowed.
pub fn condition(filter: &str, fields: &[Field], now: Timestamp) -> Result<Condition> {
    parse(filter, &Context { fields, now }).map_err(|problem| {
        let allowed: Vec<&str> = fields.iter().map(|field| field.api).collect();
        let message = format!("{problem}. Fields that it can name: {}.", allowed.join(", "));
        Error::invalid("filter", message).with_reason(ErrorReason::FilterInvalid)
    })
}

/// The fields that a filter may name, and the instant that it is for.
struct Context<'a> {
    fields: &'a [Field],
    now: Timestamp,
}

type Parsed<T> = Result<T, String>;

fn parse(filter: &str, context: &Context<'_>) -> Parsed<Condition> {
    if filter.chars().count() > CHARS_MAX {
        return Err(format!("is longer than {CHARS_MAX} characters"));
    }
    // PostgreSQL text cannot hold this character.
    if filter.contains('\0') {
        return Err("contains a NUL character".to_owned());
    }
    let parsed = parse_filter(filter).map_err(|e| format!("cannot be read: {e}"))?;
    let mut terms = 0;
    parsed.expression.as_ref().map_or_else(|| Ok(Condition::all()), |e| expression(e, context, &mut terms))
}

fn expression(e: &Expression, context: &Context<'_>, terms: &mut usize) -> Parsed<Condition> {
    let mut join = |whole: Condition, parts: &[Expression]| {
        parts.iter().try_fold(whole, |whole, part| Ok(whole.add(expression(part, context, terms)?)))
    };
    match e {
        Expression::And(parts) | Expression::Sequence(parts) => join(Condition::all(), parts),
        Expression::Or(parts) => join(Condition::any(), parts),
        Expression::Not(part) => Ok(expression(part, context, terms)?.not()),
        Expression::Global(_) => Err("has a bare term. Write `field = value`".to_owned()),
        Expression::Restriction(restriction) => {
            *terms += 1;
            if *terms > TERMS_MAX {
                return Err(format!("has more than {TERMS_MAX} comparisons"));
            }
            compare(restriction, context)
        }
    }
}

fn compare(restriction: &Restriction, context: &Context<'_>) -> Parsed<Condition> {
    let path = restriction.comparable.field_path().ok_or("has a function or a quoted field. Write `field = value`")?;
    let field = context.fields.iter().find(|field| field.api == path).ok_or_else(|| format!("names {path}, which it cannot use"))?;
    let value = match &restriction.arg {
        Arg::Comparable(_) => restriction.arg.as_value(),
        Arg::Composite(_) => None,
    };
    let value = value.ok_or_else(|| format!("compares {path} with more than one value. Quote the value, or repeat the comparison"))?;
    let op = restriction.comparator;
    let side = field.at.map_or_else(|| column(field), |at| at(context.now));
    if value.is_null() {
        return match op {
            Comparator::Equal => Ok(side.is_null().into()),
            Comparator::NotEqual => Ok(side.is_not_null().into()),
            _ => Err(format!("compares {path} with null. Use = or !=")),
        };
    }
    match field.kind {
        Kind::Text => text(field, op, value).map(Into::into),
        Kind::State(number, in_state) => state(field, op, value, number, |state| in_state(state, context.now)),
        _ => typed(field, side, op, value).map(Into::into),
    }
}

fn state(
    field: &Field,
    op: Comparator,
    value: &Value,
    number: fn(&str) -> Option<i32>,
    in_state: impl Fn(i32) -> Condition,
) -> Parsed<Condition> {
    let (api, given) = (field.api, value.as_str());
    let state = number(given).ok_or_else(|| format!("compares {api} with {given}. Use the name of one of its values"))?;
    match op {
        Comparator::Equal => Ok(in_state(state)),
        // Without a default, an empty column would make neither comparison
        // true.
        Comparator::NotEqual => Ok(Expr::expr(Func::coalesce([Expr::from(in_state(state)), Expr::val(false)])).not().into()),
        _ => Err(format!("compares {api} by {op}. Use = or !=")),
    }
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

fn text(field: &Field, op: Comparator, value: &Value) -> Parsed<Expr> {
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
        return comparison(side, op, value.as_str().to_owned().into());
    };
    let like = LikeExpr::new(pattern).escape('\\');
    Ok(if op == Comparator::NotEqual { column(field).not_like(like) } else { column(field).like(like) })
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn typed(field: &Field, side: Expr, op: Comparator, value: &Value) -> Parsed<Expr> {
    let api = field.api;
    let given = value.as_str();
    let ordered = matches!(field.kind, Kind::Int | Kind::Time);
    if op == Comparator::Has || !(ordered || matches!(op, Comparator::Equal | Comparator::NotEqual)) {
        return Err(format!("compares {api} by {op}. Use {}", if ordered { "=, !=, <, <=, > or >=" } else { "= or !=" }));
    }
    let (value, wanted): (Option<sea_orm::Value>, &str) = match field.kind {
        Kind::Int => (given.parse::<i64>().ok().map(Into::into), "a whole number"),
        Kind::Bool => (given.parse::<bool>().ok().map(Into::into), "true or false"),
        Kind::Time => {
            let instant = given.parse::<jiff::Timestamp>().ok().map(|t| t.as_microsecond().into());
            (instant, "an instant, quoted: \"2026-01-31T12:00:00Z\"")
        }
        Kind::Enum(number) => (number(given).map(Into::into), "the name of one of its values"),
        Kind::Name(collection) => {
            let id = names::optional_id(api, collection, given).ok();
            return comparison(side, op, id.ok_or_else(|| format!("compares {api} with {value}. Use \"{collection}/{{id}}\""))?.into());
        }
        Kind::Text | Kind::State(..) => return text(field, op, value),
    };
    comparison(side, op, value.ok_or_else(|| format!("compares {api} with {given}. Use {wanted}"))?)
}

fn comparison(side: Expr, op: Comparator, value: sea_orm::Value) -> Parsed<Expr> {
    Ok(match op {
        Comparator::Equal => side.eq(value),
        Comparator::NotEqual => side.ne(value),
        Comparator::GreaterThan => side.gt(value),
        Comparator::GreaterThanOrEqual => side.gte(value),
        Comparator::LessThan => side.lt(value),
        Comparator::LessThanOrEqual => side.lte(value),
        Comparator::Has => return Err("uses `:` with a field that does not allow it".to_owned()),
    })
}
