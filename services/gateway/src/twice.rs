//! Fields that a JSON body has twice. The reader of messages would take the
//! last of them, also if one is `displayName` and the other `display_name`, and
//! a filter before the gateway might have judged the first.
//!
//! This reads the text once more, but keeps nothing of it. A reader of its own
//! for messages would have to know every rule of their JSON.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use prost_reflect::{Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::parameter;

/// Returns the path of the first field that a message in JSON has twice. `path`
/// is that of the message in its request.
///
/// # Errors
/// If the text cannot be read to its end: the rest may have a field twice.
pub(crate) fn field(descriptor: &MessageDescriptor, path: &str, json: &[u8]) -> serde_json::Result<Option<String>> {
    let twice = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = Fields { message: descriptor.clone(), path: path.to_owned(), twice: &twice }.deserialize(&mut reader);
    match (twice.into_inner(), read) {
        (Some(field), _) => Ok(Some(field)),
        (None, read) => read.and_then(|()| reader.end()).map(|()| None),
    }
}

/// A value that holds a message, or a list of them.
struct Fields<'a> {
    message: MessageDescriptor,
    path: String,
    twice: &'a RefCell<Option<String>>,
}

impl Fields<'_> {
    fn at(&self, path: String, message: MessageDescriptor) -> Fields<'_> {
        Fields { message, path, twice: self.twice }
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.message.full_name())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let Some(field) = parameter::field(&self.message, &key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if !seen.insert(field.number()) {
                *self.twice.borrow_mut() = Some(self.below(field.name()));
                return Err(A::Error::custom("a field is there twice"));
            }
            match field.kind() {
                Kind::Message(inner) => map.next_value_seed(self.at(self.below(field.name()), inner))?,
                _ => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while list.next_element_seed(self.at(format!("{}[{index}]", self.path), self.message.clone()))?.is_some() {
            index += 1;
        }
        Ok(())
    }

    // Messages that JSON writes as something else, such as instants, and null. None
    // of it has fields.

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use stoa_proto::POOL;

    use super::*;

    fn twice(json: &str) -> Option<String> {
        field(&POOL.get_message_by_name("stoa.sell.v1.Deal").unwrap(), "deal", json.as_bytes()).unwrap()
    }

    #[test]
    fn a_field_is_found_under_either_of_its_names_and_at_any_depth() {
        assert_eq!(twice(r#"{"displayName": "a", "displayName": "b"}"#).unwrap(), "deal.display_name");
        assert_eq!(twice(r#"{"displayName": "a", "kind": 1, "display_name": "a"}"#).unwrap(), "deal.display_name");
        assert_eq!(twice(r#"{"display\u004eame": "a", "displayName": "b"}"#).unwrap(), "deal.display_name");
        assert_eq!(twice(r#"{"customer": {"domain": "a", "domain": "a"}}"#).unwrap(), "deal.customer.domain");
        assert_eq!(twice(r#"{"credits": [{}, {"partner": "a", "partner": "b"}]}"#).unwrap(), "deal.credits[1].partner");
        assert_eq!(twice(r#"{"credits": [], "createTime": null, "credits": []}"#).unwrap(), "deal.credits");
    }

    #[test]
    fn equal_names_in_different_messages_are_different_fields() {
        let sound = r#"{"displayName": "a", "customer": {"displayName": "a"}, "createTime": "2026-01-01T00:00:00Z",
            "credits": [{"partner": "a"}, {"partner": "a"}], "amount": {"minorUnits": "1"}, "nonsense": {"a": 1, "a": 2}}"#;
        assert_eq!(twice(sound), None);
    }

    #[test]
    fn nothing_before_a_field_ends_the_search_for_another() {
        for value in ["1", "-1", "1.5", "1e300", "true", "null", "\"x\"", "[1, true]", "{}"] {
            let json = format!(r#"{{"customer": {value}, "nonsense": {value}, "displayName": "a", "displayName": "b"}}"#);
            assert_eq!(twice(&json).unwrap(), "deal.display_name", "{value}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_read_to_its_end_is_refused() {
        let deal = POOL.get_message_by_name("stoa.sell.v1.Deal").unwrap();
        let deep = format!(r#"{{"credits": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        for json in ["{\"displayName\":", "{} {}", "{\"customer\": 1e999}", deep.as_str()] {
            assert!(field(&deal, "deal", json.as_bytes()).is_err(), "{json}");
        }
    }
}
