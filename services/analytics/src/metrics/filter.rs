//! AIP-160 filters over partners, evaluated in memory.

use std::collections::HashSet;

use aip_160::{Arg, Comparator, Expression, Restriction, StringMatch, Value};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::onboard::v1::PartnerType;

use crate::frame::Frame;

/// Maximum number of terms in a filter.
pub const TERMS_MAX: usize = 100;

/// What a filter is applied to: a partner in one of its enrollments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    pub(crate) kind: i32,
    pub(crate) territory: u32,
    pub(crate) vertical: u32,
    pub(crate) program: u32,
    pub(crate) tier: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Program,
    Tier,
    Type,
    Territory,
    Vertical,
}

/// A filter, resolved to the text numbers of one frame.
#[derive(Debug, Clone, Default)]
pub(crate) enum Filter {
    /// Every partner passes.
    #[default]
    All,
    /// All parts must pass.
    And(Vec<Self>),
    /// At least one part must pass.
    Or(Vec<Self>),
    /// The part must not pass.
    Not(Box<Self>),
    /// The field has one of these values.
    Is(Leaf),
}

/// A field and the values that pass.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    field: Field,
    values: HashSet<u32>,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// INVALID_ARGUMENT `FILTER_INVALID` with the field `filter`.
    pub(crate) fn read(text: &str, frame: &Frame) -> Result<Self, Error> {
        let parsed = aip_160::parse_filter(text).map_err(|e| invalid(format!("cannot be read: {e}")))?;
        let mut terms = 0;
        parsed.expression.map_or(Ok(Self::All), |e| convert(&e, frame, &mut terms))
    }

    /// Whether the filter is empty.
    pub(crate) const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    pub(crate) fn passes(&self, view: &View) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|p| p.passes(view)),
            Self::Or(parts) => parts.iter().any(|p| p.passes(view)),
            Self::Not(part) => !part.passes(view),
            Self::Is(leaf) => leaf.values.contains(&match leaf.field {
                Field::Program => view.program,
                Field::Tier => view.tier,
                Field::Type => u32::try_from(view.kind).unwrap_or_default(),
                Field::Territory => view.territory,
                Field::Vertical => view.vertical,
            }),
        }
    }
}

fn invalid(what: impl Into<String>) -> Error {
    let what = what.into();
    Error::new(Kind::InvalidArgument, ErrorReason::FilterInvalid, format!("filter {what}")).with_field("filter", what)
}

fn convert(expression: &Expression, frame: &Frame, terms: &mut usize) -> Result<Filter, Error> {
    let mut all = |parts: &[Expression]| parts.iter().map(|p| convert(p, frame, terms)).collect::<Result<Vec<_>, _>>();
    Ok(match expression {
        Expression::And(parts) | Expression::Sequence(parts) => Filter::And(all(parts)?),
        Expression::Or(parts) => Filter::Or(all(parts)?),
        Expression::Not(part) => Filter::Not(Box::new(convert(part, frame, terms)?)),
        Expression::Restriction(restriction) => {
            *terms += 1;
            if *terms > TERMS_MAX {
                return Err(invalid(format!("has more than {TERMS_MAX} terms")));
            }
            compare(restriction, frame)?
        }
        Expression::Global(what) => return Err(invalid(format!("has `{what}` without a comparison. Write, for example, `type = AGENT`."))),
    })
}

fn compare(restriction: &Restriction, frame: &Frame) -> Result<Filter, Error> {
    let name = restriction.comparable.field_path().unwrap_or_default();
    let field = match name.as_str() {
        "program" => Field::Program,
        "tier" => Field::Tier,
        "type" => Field::Type,
        "territory" => Field::Territory,
        "vertical" => Field::Vertical,
        _ => return Err(invalid(format!("names `{}`. Use program, tier, type, territory or vertical.", restriction.comparable))),
    };
    let value = literal(&restriction.arg).ok_or_else(|| invalid(format!("compares {name} with `{}`. Use a value.", restriction.arg)))?;
    let values = if field == Field::Type { types(&value)? } else { texts(&value, frame) };
    let is = Filter::Is(Leaf { field, values });
    match restriction.comparator {
        Comparator::Equal | Comparator::Has => Ok(is),
        Comparator::NotEqual => Ok(Filter::Not(Box::new(is))),
        other => Err(invalid(format!("compares {name} with the operator `{other}`. Use = or !=."))),
    }
}

/// Returns the value on the right-hand side. Dots in an unquoted value belong to
/// it.
fn literal(arg: &Arg) -> Option<Value> {
    match arg {
        Arg::Comparable(comparable) => match arg.as_value() {
            Some(value) => Some(value.clone()),
            None => comparable.field_path().map(Value::Text),
        },
        Arg::Composite(_) => None,
    }
}

fn types(value: &Value) -> Result<HashSet<u32>, Error> {
    let name = value.as_str();
    let full = format!("PARTNER_TYPE_{}", name.trim_start_matches("PARTNER_TYPE_"));
    let known =
        PartnerType::from_str_name(&full).ok_or_else(|| invalid(format!("has the unknown type `{name}`. Use, for example, RESELLER.")))?;
    Ok(HashSet::from([u32::try_from(i32::from(known)).unwrap_or_default()]))
}

fn texts(value: &Value, frame: &Frame) -> HashSet<u32> {
    let matching = |test: &dyn Fn(&str) -> bool| (0..frame.texts.count()).filter(|n| test(frame.texts.get(*n))).collect();
    match value.string_match() {
        Some(StringMatch::Prefix(start)) => matching(&|t| t.starts_with(start)),
        Some(StringMatch::Suffix(end)) => matching(&|t| t.ends_with(end)),
        Some(StringMatch::Contains(part)) => matching(&|t| t.contains(part)),
        Some(StringMatch::Exact(text)) => frame.texts.find(text).into_iter().collect(),
        None => frame.texts.find(value.as_str()).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::intern::Texts;

    fn frame() -> Frame {
        let mut texts = Texts::default();
        for text in ["us-east", "us-west", "emea", "programs/p/tiers/gold"] {
            texts.intern(text);
        }
        Frame { texts: texts.into(), ..Frame::default() }
    }

    fn passes(filter: &str, view: &View) -> bool {
        Filter::read(filter, &frame()).unwrap().passes(view)
    }

    #[test]
    fn fields_are_compared_alone_and_in_combination() {
        let view = View { kind: 12, territory: 1, vertical: 0, program: 0, tier: 4 };
        assert!(passes("", &view));
        assert!(passes("type = AGENT", &view));
        assert!(!passes("type != PARTNER_TYPE_AGENT", &view));
        assert!(passes("territory = \"us-*\" AND tier = \"programs/p/tiers/gold\"", &view));
        assert!(passes("territory = \"emea\" OR type = AGENT", &view));
        assert!(!passes("NOT (territory = \"us-east\")", &view));
        assert!(passes("vertical = \"\"", &view));
        assert!(!passes("territory = \"nowhere\"", &view));
    }

    #[test]
    fn invalid_filters_are_refused() {
        for bad in ["name = \"x\"", "type = WIZARD", "type > AGENT", "agent", "type = (", "f(x) = 1"] {
            let error = Filter::read(bad, &frame()).unwrap_err();
            assert_eq!((error.reason().as_str(), error.fields()[0].field.as_str()), ("FILTER_INVALID", "filter"), "{bad}");
        }
    }
}
