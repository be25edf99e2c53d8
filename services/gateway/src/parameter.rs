//! Sets fields from path variables and query parameters.

use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use stoa_kernel::{Error, Timestamp};

/// Sets the field that a dotted path names, whatever it holds. Appends to
/// repeated fields.
///
/// # Errors
/// INVALID_ARGUMENT with the parameter.
pub(crate) fn set(message: &mut DynamicMessage, path: &str, text: &str) -> Result<(), Error> {
    set_below(message, path, path, text)
}

/// The fields that parameters have set, as the numbers on their paths.
#[derive(Default)]
pub(crate) struct Given(Vec<Vec<u32>>);

/// Like [`set`], but refuses a field that another parameter has set, also to its
/// default, or of which it has set a part: it would not be clear which of the two
/// the caller means.
///
/// # Errors
/// INVALID_ARGUMENT with the parameter.
pub(crate) fn add(message: &mut DynamicMessage, given: &mut Given, path: &str, text: &str) -> Result<(), Error> {
    if let Some(place) = singular(message.descriptor(), path) {
        if given.0.iter().any(|other| other.starts_with(&place) || place.starts_with(other)) {
            return Err(Error::invalid(path, "is there twice. Send it once."));
        }
        given.0.push(place);
    }
    set(message, path, text)
}

/// The numbers of the fields on a dotted path. `None` unless it leads to a field
/// that has one value.
fn singular(message: MessageDescriptor, path: &str) -> Option<Vec<u32>> {
    let (mut inner, mut numbers, mut is_singular) = (Some(message), Vec::new(), false);
    for name in path.split('.') {
        let field = field(&inner?, name)?;
        numbers.push(field.number());
        is_singular = field.cardinality() != Cardinality::Repeated;
        inner = field.kind().as_message().cloned();
    }
    is_singular.then_some(numbers)
}

fn set_below(message: &mut DynamicMessage, whole: &str, path: &str, text: &str) -> Result<(), Error> {
    let (head, tail) = path.split_once('.').map_or((path, None), |(head, tail)| (head, Some(tail)));
    let field = field(&message.descriptor(), head)
        .ok_or_else(|| Error::invalid(whole, "is not a parameter of this method. Check the spelling."))?;
    if let Some(tail) = tail {
        return match message.get_field_mut(&field) {
            Value::Message(inner) => set_below(inner, whole, tail, text),
            _ => Err(Error::invalid(whole, format!("names a field of {head}, which has no fields"))),
        };
    }
    let value = scalar(&field, text).ok_or_else(|| Error::invalid(whole, format!("`{text}` is not {}", expected(&field))))?;
    if field.cardinality() == Cardinality::Repeated {
        if let Value::List(items) = message.get_field_mut(&field) {
            items.push(value);
        }
    } else {
        message.set_field(&field, value);
    }
    Ok(())
}

/// Finds a field by its proto name or its JSON name.
pub(crate) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name))
}

fn scalar(field: &FieldDescriptor, text: &str) -> Option<Value> {
    Some(match field.kind() {
        Kind::String => Value::String(text.to_owned()),
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(text.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(text.parse().ok()?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(text.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(text.parse().ok()?),
        Kind::Float => Value::F32(text.parse().ok()?),
        Kind::Double => Value::F64(text.parse().ok()?),
        Kind::Enum(e) => {
            let known = e.get_value_by_name(text).map(|v| v.number());
            Value::EnumNumber(known.or_else(|| text.parse().ok())?)
        }
        Kind::Message(m) => match m.full_name() {
            "google.protobuf.Timestamp" => {
                let time: Timestamp = text.parse().ok()?;
                let bytes = prost::Message::encode_to_vec(&time.proto());
                Value::Message(DynamicMessage::decode(m, bytes.as_slice()).ok()?)
            }
            "google.protobuf.FieldMask" => {
                let mut mask = DynamicMessage::new(m);
                let paths = text.split(',').filter(|p| !p.is_empty()).map(|p| Value::String(snake(p))).collect();
                mask.set_field_by_name("paths", Value::List(paths));
                Value::Message(mask)
            }
            _ => return None,
        },
        Kind::Bytes => return None,
    })
}

fn expected(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Bool => "true or false".to_owned(),
        Kind::Enum(e) => format!("one of {}", e.values().map(|v| v.name().to_owned()).collect::<Vec<_>>().join(", ")),
        Kind::Message(m) if m.full_name() == "google.protobuf.Timestamp" => "an instant such as 2026-01-31T12:00:00Z".to_owned(),
        Kind::Message(m) if m.full_name() != "google.protobuf.FieldMask" => {
            "a value that a parameter can carry. Send it in the body.".to_owned()
        }
        _ => "a number in range".to_owned(),
    }
}

/// `displayName` → `display_name`. Snake case is unchanged.
fn snake(path: &str) -> String {
    path.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        out
    })
}

#[cfg(test)]
mod tests {
    use stoa_proto::POOL;

    use super::*;

    fn message(name: &str) -> DynamicMessage {
        DynamicMessage::new(POOL.get_message_by_name(name).unwrap())
    }

    #[test]
    fn nested_fields_masks_and_times_are_set() {
        let mut update = message("stoa.onboard.v1.UpdateProgramRequest");
        set(&mut update, "program.display_name", "Gold").unwrap();
        set(&mut update, "updateMask", "displayName,description").unwrap();
        let text = update.to_string();
        assert!(text.contains("display_name:\"Gold\"") && text.contains("\"display_name\",\"description\""), "{text}");

        let mut quality = message("stoa.analytics.v1.GetNetworkQualityRequest");
        set(&mut quality, "as_of", "2018-01-01").unwrap();
        let time = quality.get_field_by_name("as_of").unwrap().as_message().unwrap().get_field_by_name("seconds").unwrap().into_owned();
        assert_eq!(time, Value::I64(1_514_764_800));
    }

    #[test]
    fn a_parameter_that_is_there_twice_is_refused() {
        let twice = |name: &str, parameters: &[(&str, &str)]| {
            let (mut message, mut given) = (message(name), Given::default());
            let refused = parameters.iter().find_map(|(path, text)| add(&mut message, &mut given, path, text).err());
            refused.map(|error| error.fields()[0].field.clone())
        };
        let list = |parameters: &[(&str, &str)]| twice("stoa.onboard.v1.ListPartnersRequest", parameters);
        assert_eq!(list(&[("pageSize", "0"), ("filter", ""), ("page_size", "1")]).unwrap(), "page_size", "0 is a value, too");
        assert_eq!(list(&[("filter", ""), ("filter", "x")]).unwrap(), "filter");
        assert_eq!(list(&[("filter", "x"), ("pageSize", "1")]), None);
        let quality = |parameters: &[(&str, &str)]| twice("stoa.analytics.v1.GetNetworkQualityRequest", parameters);
        assert_eq!(quality(&[("asOf.seconds", "1"), ("asOf", "2018-01-01")]).unwrap(), "asOf");
        assert_eq!(quality(&[("asOf", "2018-01-01"), ("as_of.seconds", "1")]).unwrap(), "as_of.seconds");
        let mask = "google.protobuf.FieldMask";
        assert_eq!(twice(mask, &[("paths", "a"), ("paths", "a")]), None, "a list");
    }

    #[test]
    fn an_invalid_parameter_is_named() {
        let mut list = message("stoa.onboard.v1.ListPartnersRequest");
        for (path, text) in [("nonsense", "1"), ("page_size", "many"), ("page_size", "99999999999"), ("filter.x", "y")] {
            assert_eq!(set(&mut list, path, text).unwrap_err().fields()[0].field, path);
        }
    }
}
