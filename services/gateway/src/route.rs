//! The routes of the API, derived from the descriptors.

use std::collections::HashMap;

use http::Method;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use stoa_proto::{POOL, describe};

use crate::template::Template;

/// Where the body of a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyTo {
    /// The method takes no body.
    Nothing,
    /// The body is the whole request message.
    Message,
    /// The body is one field of the request message.
    Field(String),
}

/// One HTTP binding of a method.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) verb: Method,
    pub(crate) template: Template,
    pub(crate) body: BodyTo,
    /// Field of the response that is returned; the whole response if empty.
    pub(crate) response_body: String,
    pub(crate) method: MethodDescriptor,
    /// `/package.Service/Method`.
    pub(crate) path: String,
    /// Service of the suite that has the method, for example `sell`.
    pub(crate) service: String,
    /// Whether the method is opened by a signed link.
    pub(crate) is_signed: bool,
    /// Field of the response, and of the request, by which a stream is resumed.
    pub(crate) resume: Option<String>,
}

/// All routes, indexed by the second segment of their paths.
pub(crate) struct Routes(HashMap<String, Vec<Route>>);

/// The result of looking up a path.
pub(crate) enum Found<'a> {
    Route(&'a Route, Vec<(&'a str, String)>),
    /// The path exists with other verbs.
    OtherVerbs(Vec<Method>),
    Nothing,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let mut index: HashMap<String, Vec<Route>> = HashMap::new();
        for route in all() {
            index.entry(route.template.collection().unwrap_or_default().to_owned()).or_default().push(route);
        }
        Self(index)
    }

    pub(crate) fn find(&self, verb: &Method, path: &str) -> Found<'_> {
        let second = path.split('/').nth(2).unwrap_or_default();
        let whole = self.0.get(second);
        let bare = second.split_once(':').and_then(|(collection, _)| self.0.get(collection));
        let mut others = Vec::new();
        for route in whole.into_iter().chain(bare).flatten() {
            if let Some(variables) = route.template.matches(path) {
                if route.verb == *verb {
                    return Found::Route(route, variables);
                }
                others.push(route.verb.clone());
            }
        }
        if others.is_empty() { Found::Nothing } else { Found::OtherVerbs(others) }
    }
}

/// Returns every binding of every method, in the order of the proto files.
pub(crate) fn all() -> Vec<Route> {
    let Some(extension) = POOL.get_extension_by_name("google.api.http") else { return Vec::new() };
    let mut routes = Vec::new();
    for method in describe::methods() {
        let options = method.options();
        if !options.has_extension(&extension) {
            continue;
        }
        let value = options.get_extension(&extension);
        let Some(rule) = value.as_message() else { continue };
        routes.extend(route(&method, rule));
        let more = rule.get_field_by_name("additional_bindings");
        let more = more.as_ref().and_then(|v| v.as_list()).unwrap_or_default();
        routes.extend(more.iter().filter_map(Value::as_message).filter_map(|rule| route(&method, rule)));
    }
    routes
}

fn route(method: &MethodDescriptor, rule: &DynamicMessage) -> Option<Route> {
    let text = |field: &str| rule.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let verbs = [("get", Method::GET), ("post", Method::POST), ("patch", Method::PATCH), ("put", Method::PUT), ("delete", Method::DELETE)];
    let (verb, template) = verbs.into_iter().find(|(name, _)| rule.has_field_by_name(name)).map(|(name, verb)| (verb, text(name)))?;
    let body = match text("body").as_str() {
        "" => BodyTo::Nothing,
        "*" => BodyTo::Message,
        field => BodyTo::Field(field.to_owned()),
    };
    let package = method.parent_service().full_name().split('.').nth(1).unwrap_or_default().to_owned();
    Some(Route {
        verb,
        template: Template::parse(&template)?,
        body,
        response_body: text("response_body"),
        path: describe::path(method),
        service: package,
        is_signed: matches!(describe::access(method), describe::Access::Signed { .. }),
        resume: describe::resume_field(method),
        method: method.clone(),
    })
}
