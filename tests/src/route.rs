//! What `google.api.http` says about a method, and which collections there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use stoa_proto::{POOL, describe};

/// Collections of the API, for example `programs/*/tiers`.
pub static COLLECTIONS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let routes = describe::methods().flat_map(|method| Route::of(&method).variables.into_values());
    routes.filter_map(|pattern| pattern.strip_suffix("/*").map(str::to_owned)).collect()
});

/// The HTTP mapping of a method.
#[derive(Debug, Default)]
pub struct Route {
    /// Patterns of the fields that the path names, by path of the field: `name`
    /// with `deals/*`, `deal.name`, `parent`.
    pub variables: BTreeMap<String, String>,
}

impl Route {
    /// Reads a method's mapping.
    #[must_use]
    pub fn of(method: &MethodDescriptor) -> Self {
        let options = method.options();
        let rule = POOL.get_extension_by_name("google.api.http").map(|extension| options.get_extension(&extension).into_owned());
        let path = rule.as_ref().and_then(Value::as_message).map(path).unwrap_or_default();
        let variables = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let pair = |variable: &str| {
            let (field, pattern) = variable.split_once('=').unwrap_or((variable, ""));
            (field.to_owned(), pattern.to_owned())
        };
        Self { variables: variables.map(pair).filter(|(_, pattern)| !pattern.is_empty()).collect() }
    }
}

fn path(rule: &DynamicMessage) -> String {
    let verbs = ["get", "post", "put", "patch", "delete"];
    let paths = verbs.iter().filter_map(|verb| rule.get_field_by_name(verb).and_then(|v| v.as_str().map(str::to_owned)));
    paths.into_iter().find(|path| !path.is_empty()).unwrap_or_default()
}

/// Returns the collection of an object: `programs/*/tiers` for
/// `programs/channel/tiers/gold`.
#[must_use]
pub fn collection(name: &str) -> Option<String> {
    let mut segments: Vec<&str> = name.split('/').collect();
    if segments.len().is_multiple_of(2) {
        segments.pop();
    }
    segments.iter_mut().skip(1).step_by(2).for_each(|id| *id = "*");
    (!name.is_empty()).then(|| segments.join("/"))
}

/// Returns the pattern of the objects that a field refers to, by the field's
/// name: `programs/*/tiers/*` for `tier`.
#[must_use]
pub fn referred(field: &str) -> Option<String> {
    let plural = match field.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{field}s"),
    };
    let plural = camel(&plural);
    let found = COLLECTIONS.iter().find(|collection| collection.rsplit('/').next() == Some(plural.as_str()));
    found.map(|collection| format!("{collection}/*"))
}

/// Returns `mdf_request` for `MdfRequest`.
#[must_use]
pub fn snake(noun: &str) -> String {
    let mut snake = String::new();
    for c in noun.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Returns `mdfRequests` for `mdf_requests`.
#[must_use]
pub fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        camel + &head.to_uppercase() + tail
    })
}
