//! What the sweeps share: methods, and the objects of the network.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, ReflectMessage, Value, prost::Message};
use serde_json::json;
use stoa::suite::PILLARS;
use stoa_proto::describe;
use stoa_tests::{
    TestSuite,
    requests::{self, Requests, text},
    route::{self, Route},
};
use tonic::Status;
use tonic_types::StatusExt;

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    /// Its name, or the field that identifies it.
    pub(crate) name: String,
    /// Name of the partner that it belongs to; empty if it belongs to the whole
    /// tenant.
    pub(crate) partner: String,
    pub(crate) etag: String,
    /// The values of its enums: objects of one kind are treated alike.
    kind: Vec<i32>,
}

impl Object {
    fn of(item: &DynamicMessage) -> Self {
        let name = ["name", "event_id", "partner"].map(|field| text(item, field)).into_iter().find(|name| !name.is_empty());
        let name = name.unwrap_or_default();
        let partner = if name.starts_with("partners/") { name.clone() } else { text(item, "partner") };
        let kind = item.fields().filter_map(|(_, value)| value.as_enum_number()).collect();
        Self { name, partner, etag: text(item, "etag"), kind }
    }

    /// Whether a partner has only one such object, which then has the partner's
    /// id.
    pub(crate) fn is_its_partners_only(&self) -> bool {
        !self.partner.is_empty() && self.name.rsplit('/').next() == self.partner.rsplit('/').next()
    }
}

/// Returns one object of each collection, kind and partner.
pub(crate) fn samples<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<&'a Object> {
    let mut seen = BTreeSet::new();
    let key = |object: &'a Object| (route::collection(&object.name), object.partner.as_str(), object.kind.as_slice());
    objects.into_iter().filter(|object| seen.insert(key(object))).collect()
}

/// Returns the reasons that the API documents.
fn reasons() -> BTreeSet<String> {
    let enums = stoa_proto::POOL.all_enums().filter(|e| e.name() == "ErrorReason");
    enums.flat_map(|e| e.values().map(|v| v.name().trim_start_matches("ERROR_REASON_").to_owned()).collect::<Vec<_>>()).collect()
}

/// Returns the reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|i| i.reason.clone()).unwrap_or_default()
}

/// Calls a method, a stream with one message. A refusal must have a documented
/// reason, and must not be due to an invalid request.
pub(crate) async fn call(
    suite: &TestSuite,
    method: &MethodDescriptor,
    request: &DynamicMessage,
    token: &str,
) -> Result<Result<Vec<DynamicMessage>, Status>> {
    let path = describe::path(method);
    match suite.exchange(&path, &[request.encode_to_vec()], token).await? {
        Ok(answers) => Ok(Ok(answers.into_iter().map(|bytes| requests::answer(method, bytes)).collect::<Result<_>>()?)),
        Err(status) => {
            let reason = reason(&status);
            ensure!(reasons().contains(&reason), "{path} returns an undocumented reason: `{reason}` {status:?}");
            ensure!(!status.message().is_empty(), "{path} returns no message");
            ensure!(reason != "INVALID_FIELD", "the request for {path} is not valid: {status:?}: {request}");
            Ok(Err(status))
        }
    }
}

/// Whether a method returns pages.
pub(crate) fn is_list(method: &MethodDescriptor) -> bool {
    method.input().get_field_by_name("page_token").is_some()
}

/// Returns the lists of the API.
pub(crate) fn lists() -> impl Iterator<Item = MethodDescriptor> {
    describe::methods().filter(is_list)
}

/// Returns the requests for a page of a list: one, or one per service for lists
/// of a service's events. Children are listed for all parents.
pub(crate) fn pages(method: &MethodDescriptor, size: usize, token: &str) -> Result<Vec<DynamicMessage>> {
    let mut requests = Requests::new("page", stoa_tests::start_time());
    for pattern in Route::of(method).variables.values() {
        requests.known.put(&pattern.replace('*', "-"));
    }
    let page = json!({"pageSize": size, "pageToken": token});
    let services = if method.input().get_field_by_name("service").is_some() { &PILLARS[..] } else { &[""] };
    let request = |service: &&str| {
        let mut over = page.clone();
        if !service.is_empty() {
            over["service"] = json!(service);
        }
        requests.clone().build(method, &over)
    };
    services.iter().map(request).collect()
}

/// Returns the objects of a page.
pub(crate) fn listed(page: &DynamicMessage) -> Vec<Object> {
    let named =
        |kind: Kind| kind.as_message().is_some_and(|m| ["name", "event_id", "partner"].iter().any(|f| m.get_field_by_name(f).is_some()));
    let items = page.descriptor().fields().find(|f| f.is_list() && named(f.kind()));
    let items = items.map(|field| page.get_field(&field).into_owned());
    let items = items.as_ref().and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(Value::as_message).map(Object::of).collect()
}

/// Returns all objects that a list shows a caller, or why it shows none.
pub(crate) async fn whole(suite: &TestSuite, method: &MethodDescriptor, token: &str) -> Result<Result<Vec<Object>, Status>> {
    let mut objects = Vec::new();
    for request in pages(method, 1000, "")? {
        match call(suite, method, &request, token).await? {
            Ok(pages) => objects.extend(pages.iter().flat_map(listed)),
            Err(status) => return Ok(Err(status)),
        }
    }
    Ok(Ok(objects))
}

/// Returns all objects that a caller sees, by list. Lists that refuse the
/// caller are left out.
pub(crate) async fn everything(suite: &TestSuite, token: &str) -> Result<BTreeMap<String, Vec<Object>>> {
    let mut all = BTreeMap::new();
    for method in lists() {
        if let Ok(objects) = whole(suite, &method, token).await? {
            all.insert(method.name().to_owned(), objects);
        }
    }
    Ok(all)
}
