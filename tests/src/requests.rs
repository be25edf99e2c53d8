//! Valid requests for any method, built from its descriptor: every field that
//! `buf.validate` requires is filled, and objects are named by collection.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, SerializeOptions, Value,
    prost::{Message, bytes::Bytes},
};
use serde_json::Value as Json;
use stoa_kernel::Timestamp;
use stoa_proto::{describe, validate};

use crate::{
    needs::Needs,
    overrides,
    route::{self, Route},
};

/// Objects to name in requests: one per collection, the last one that was put.
#[derive(Debug, Clone, Default)]
pub struct Known(BTreeMap<String, String>);

impl Known {
    /// Adds an object by its name. From now on it stands for its collection.
    pub fn put(&mut self, name: &str) {
        if let Some(collection) = route::collection(name) {
            self.0.insert(collection, name.to_owned());
        }
    }

    /// Returns the object of a collection, for example of `programs/*/tiers`.
    #[must_use]
    pub fn get(&self, collection: &str) -> Option<&str> {
        self.0.get(collection).map(String::as_str)
    }

    /// Adds what an answer names: the object itself, and the first object of
    /// every list in it unless its collection is known already.
    pub fn learn(&mut self, answer: &DynamicMessage) {
        self.put(&text(answer, "name"));
        for (_, value) in answer.fields() {
            let first = value.as_list().and_then(|items| items.first()).and_then(Value::as_message);
            let name = first.map(|m| text(m, "name")).unwrap_or_default();
            if route::collection(&name).is_some_and(|c| !self.0.contains_key(&c)) {
                self.put(&name);
            }
        }
    }
}

/// Returns a text field of a message by its name; empty if there is none.
#[must_use]
pub fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Builds requests. Ids consist of a prefix and a counter, so that two builders
/// with different prefixes never choose the same id.
#[derive(Debug, Clone)]
pub struct Requests {
    /// The objects that requests name.
    pub known: Known,
    /// The suite's business time.
    pub now: Timestamp,
    prefix: String,
    made: u32,
    chooses_ids: bool,
}

/// The place of a field in a request.
struct Place<'a> {
    method: &'a MethodDescriptor,
    route: &'a Route,
    /// Path of the message, empty for the request itself.
    path: String,
}

impl Place<'_> {
    fn of(&self, field: &FieldDescriptor) -> String {
        if self.path.is_empty() { field.name().to_owned() } else { format!("{}.{}", self.path, field.name()) }
    }

    /// Whether the field is the id that the caller chooses for a new object.
    fn is_new_id(&self, field: &FieldDescriptor) -> bool {
        let noun = self.method.name().strip_prefix("Create");
        noun.is_some_and(|noun| field.name() == format!("{}_id", route::snake(noun)))
    }

    /// Whether the field is the partner that something is created or recorded
    /// for, which the vendor's people must name. An update never moves an
    /// object.
    fn is_beneficiary(&self, field: &FieldDescriptor) -> bool {
        let creates = ["Create", "Record", "BatchCreate"].iter().any(|verb| self.method.name().starts_with(verb));
        creates && field.name() == "partner" && field.kind() == Kind::String
    }
}

impl Requests {
    /// Creates a builder that knows no objects yet.
    #[must_use]
    pub fn new(prefix: &str, now: Timestamp) -> Self {
        Self { known: Known::default(), now, prefix: prefix.to_owned(), made: 0, chooses_ids: true }
    }

    /// Leaves the ids of new objects to the service, as a partner's people must.
    #[must_use]
    pub fn without_ids(self) -> Self {
        Self { chooses_ids: false, ..self }
    }

    /// Sets the prefix of new ids.
    pub fn prefix(&mut self, prefix: &str) {
        prefix.clone_into(&mut self.prefix);
    }

    /// Builds a valid request for a method. Objects that are not known are
    /// named `missing`. `over` replaces fields, in the JSON of the API.
    ///
    /// # Errors
    /// If a rule of a field cannot be met: extend [`Needs`] or
    /// [`overrides::OVERRIDES`].
    pub fn build(&mut self, method: &MethodDescriptor, over: &Json) -> Result<DynamicMessage> {
        let route = Route::of(method);
        let place = Place { method, route: &route, path: String::new() };
        let filled = self.message(&method.input(), &place).with_context(|| format!("no request for {}", method.full_name()))?;
        let mut json = filled.serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new())?;
        merge(&mut json, &self.named(overrides::for_method(method)?));
        merge(&mut json, &self.named(over.clone()));
        let text = json.to_string();
        let mut reader = serde_json::Deserializer::from_str(&text);
        let request =
            DynamicMessage::deserialize(method.input(), &mut reader).with_context(|| format!("{}: {text}", method.full_name()))?;
        if let Err(status) = validate::check_bytes(method.input().full_name(), &request.encode_to_vec()) {
            bail!("the request for {} is not valid: {}: {text}", method.full_name(), status.message());
        }
        Ok(request)
    }

    /// Returns the object for a pattern like `programs/*/tiers/*` or
    /// `partners/*/activity`.
    #[must_use]
    pub fn resolve(&self, pattern: &str) -> String {
        let Some((own, rest)) = pattern.rsplit_once('*') else { return pattern.to_owned() };
        let known = route::collection(own.trim_end_matches('/').trim_end_matches('*'));
        let known = known.as_deref().and_then(|collection| self.known.get(collection));
        format!("{}{rest}", known.map_or_else(|| format!("{own}missing").replace('*', "missing"), str::to_owned))
    }

    /// Replaces names in braces: `{deals}` in an override is the known deal.
    fn named(&self, mut json: Json) -> Json {
        match &mut json {
            Json::String(text) => {
                if let Some(collection) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
                    *text = self.resolve(&format!("{collection}/*"));
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| *item = self.named(item.take())),
            Json::Object(fields) => fields.values_mut().for_each(|value| *value = self.named(value.take())),
            _ => {}
        }
        json
    }

    fn id(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.prefix, self.made)
    }

    fn message(&mut self, descriptor: &MessageDescriptor, place: &Place<'_>) -> Result<DynamicMessage> {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            if let Some(value) = self.value(&field, place).with_context(|| field.full_name().to_owned())? {
                message.set_field(&field, value);
            }
        }
        Ok(message)
    }

    fn value(&mut self, field: &FieldDescriptor, place: &Place<'_>) -> Result<Option<Value>> {
        if let Some(pattern) = place.route.variables.get(&place.of(field)).filter(|p| p.contains('*')) {
            return Ok(Some(Value::String(self.resolve(pattern))));
        }
        if place.is_new_id(field) {
            return Ok(self.chooses_ids.then(|| Value::String(self.id())));
        }
        if place.is_beneficiary(field) {
            return Ok(Some(Value::String(self.resolve("partners/*"))));
        }
        let needs = Needs::of(field)?;
        if !needs.any() {
            return Ok(None);
        }
        let one = match field.kind() {
            Kind::Message(inner) => Value::Message(self.inner(&inner, field, place)?),
            Kind::String => Value::String(self.string(field, &needs)?),
            Kind::Enum(_) => Value::EnumNumber(i32::try_from(needs.number()).context("an enum has 32 bits")?),
            Kind::Int32 => Value::I32(i32::try_from(needs.number()).context("the field has 32 bits")?),
            Kind::Int64 => Value::I64(needs.number()),
            kind => bail!("no value for the kind {kind:?}"),
        };
        Ok(Some(if field.is_list() { Value::List(vec![one; needs.items()]) } else { one }))
    }

    fn inner(&mut self, message: &MessageDescriptor, field: &FieldDescriptor, place: &Place<'_>) -> Result<DynamicMessage> {
        let seconds = Value::I64(self.now.micros().div_euclid(1_000_000));
        let set = match message.full_name() {
            "google.protobuf.Timestamp" => vec![("seconds", seconds)],
            "stoa.common.v1.Money" => vec![("minor_units", Value::I64(10_000)), ("currency_code", Value::String("USD".to_owned()))],
            _ => {
                let path = place.of(field);
                return self.message(message, &Place { method: place.method, route: place.route, path });
            }
        };
        let mut made = DynamicMessage::new(message.clone());
        set.into_iter().for_each(|(name, value)| made.set_field_by_name(name, value));
        Ok(made)
    }

    /// Returns a text that the field accepts: the known object of the
    /// collection that it names, or else the first candidate that fits.
    fn string(&mut self, field: &FieldDescriptor, needs: &Needs) -> Result<String> {
        if let Some(pattern) = route::referred(field.name()) {
            return Ok(self.resolve(&pattern));
        }
        let id = self.id();
        let today = self.now.to_string();
        let candidates = [id.as_str(), "USD", today.get(..10).unwrap_or_default(), "onboard", "DE", "https://stoa.example/"];
        needs.text(&candidates).with_context(|| format!("none of {candidates:?} fits: add a text that does in tests/src/requests.rs"))
    }
}

/// Decodes an answer of a method.
///
/// # Errors
/// If the bytes are not a message of the method's output.
pub fn answer(method: &MethodDescriptor, bytes: Bytes) -> Result<DynamicMessage> {
    DynamicMessage::decode(method.output(), bytes).with_context(|| describe::path(method))
}

/// Merges the fields of `over` into those of `json`, at any depth. Lists and
/// plain values are replaced.
pub(crate) fn merge(json: &mut Json, over: &Json) {
    match (json, over) {
        (_, Json::Null) => {}
        (Json::Object(fields), Json::Object(new)) => {
            for (key, value) in new {
                merge(fields.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (json, over) => *json = over.clone(),
    }
}
