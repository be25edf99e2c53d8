//! What `buf.validate` requires of a field.

use anyhow::{Result, bail};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use regex::Regex;
use stoa_proto::POOL;

/// The rules of a field, as far as they refuse an empty value.
#[derive(Debug, Default)]
pub struct Needs {
    required: bool,
    /// The handler itself checks the field: it is filled nonetheless.
    by_handler: bool,
    len_min: u64,
    pattern: Option<Regex>,
    items_min: u64,
    lowest: Option<i64>,
    one_of: Vec<i64>,
    none_of: Vec<i64>,
    texts: Vec<String>,
    is_text: bool,
}

impl Needs {
    /// Reads the rules of a field.
    ///
    /// # Errors
    /// If a rule is not known here.
    pub fn of(field: &FieldDescriptor) -> Result<Self> {
        let mut needs = Self { is_text: field.kind() == Kind::String && !field.is_list(), ..Self::default() };
        let Some(extension) = POOL.get_extension_by_name("buf.validate.field") else { return Ok(needs) };
        let options = field.options();
        if !options.has_extension(&extension) {
            return Ok(needs);
        }
        if let Some(rules) = options.get_extension(&extension).as_message() {
            needs.read(rules, true)?;
        }
        // A field that can be absent is checked only if it is present.
        if field.supports_presence() && !needs.required && !needs.by_handler {
            return Ok(Self::default());
        }
        Ok(needs)
    }

    fn read(&mut self, rules: &DynamicMessage, top: bool) -> Result<()> {
        for (rule, value) in rules.fields() {
            match (rule.name(), value) {
                ("required", value) => self.required = value.as_bool() == Some(true),
                ("ignore", _) => self.by_handler = true,
                (_, Value::Message(typed)) if top => self.read_typed(typed)?,
                (name, _) => bail!("unknown rule {name}"),
            }
        }
        Ok(())
    }

    fn read_typed(&mut self, typed: &DynamicMessage) -> Result<()> {
        for (rule, value) in typed.fields() {
            let amount = || number(value).unwrap_or_default();
            let list = || value.as_list().unwrap_or_default().to_vec();
            match rule.name() {
                "max_len" | "max_items" | "max_pairs" | "lte" | "lt" | "defined_only" => {}
                "min_len" => self.len_min = value.as_u64().unwrap_or_default(),
                "pattern" => self.pattern = Some(Regex::new(value.as_str().unwrap_or_default())?),
                "const" => self.texts = value.as_str().map(str::to_owned).into_iter().collect(),
                "min_items" => self.items_min = value.as_u64().unwrap_or_default(),
                "gte" => self.lowest = Some(amount()),
                "gt" => self.lowest = Some(amount() + 1),
                "in" if typed.descriptor().name() == "StringRules" => {
                    self.texts = list().iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
                }
                "in" => self.one_of = list().iter().filter_map(number).collect(),
                "not_in" => self.none_of = list().iter().filter_map(number).collect(),
                // Rules of entries matter only if there must be entries.
                "items" => self.read_items(value)?,
                name => bail!("unknown rule {name}"),
            }
        }
        Ok(())
    }

    fn read_items(&mut self, value: &Value) -> Result<()> {
        let Some(rules) = value.as_message() else { return Ok(()) };
        for (rule, value) in rules.fields() {
            match (rule.name(), value) {
                ("ignore", _) => self.by_handler = true,
                (_, Value::Message(_)) => {}
                (name, _) => bail!("unknown rule items.{name}"),
            }
        }
        Ok(())
    }

    /// Whether an empty field is refused, or checked only by the handler.
    #[must_use]
    pub fn any(&self) -> bool {
        self.required || self.by_handler || self.items_min > 0 || (self.is_text && !self.accepts("")) || !self.accepts_number(0)
    }

    /// Returns how many entries a list must have.
    #[must_use]
    pub fn items(&self) -> usize {
        usize::try_from(self.items_min.max(1)).unwrap_or(1)
    }

    /// Returns the lowest number that the field accepts.
    #[must_use]
    pub fn number(&self) -> i64 {
        let first = self.one_of.first().copied().or(self.lowest).unwrap_or_default();
        (first..).find(|n| self.accepts_number(*n)).unwrap_or(first)
    }

    /// Returns a text that the field's own rules name, or the first candidate
    /// that the field accepts.
    #[must_use]
    pub fn text(&self, candidates: &[&str]) -> Option<String> {
        let own = self.texts.iter().map(String::as_str);
        own.chain(candidates.iter().copied()).find(|text| self.accepts(text)).map(str::to_owned)
    }

    fn accepts(&self, text: &str) -> bool {
        let listed = self.texts.is_empty() || self.texts.iter().any(|t| t == text);
        text.chars().count() as u64 >= self.len_min && self.pattern.as_ref().is_none_or(|p| p.is_match(text)) && listed
    }

    fn accepts_number(&self, number: i64) -> bool {
        let listed = self.one_of.is_empty() || self.one_of.contains(&number);
        self.lowest.is_none_or(|lowest| number >= lowest) && listed && !self.none_of.contains(&number)
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::I32(n) | Value::EnumNumber(n) => Some(i64::from(*n)),
        Value::I64(n) => Some(*n),
        Value::U32(n) => Some(i64::from(*n)),
        Value::U64(n) => i64::try_from(*n).ok(),
        _ => None,
    }
}
