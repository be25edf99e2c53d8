//! Update masks (AIP-134) over any message of the API.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage};
use stoa_proto::{POOL, behavior, common::v1::ErrorReason};

use crate::{Error, Kind};

/// Copies the masked fields of `from` into `into`. Fields' behavior decides
/// what a caller may change. `*` means all of these fields, an empty mask those
/// that are populated in `from`. Returns the paths that changed.
///
/// # Errors
/// INVALID_ARGUMENT `UPDATE_MASK_INVALID` for a path that cannot be changed.
pub fn apply<M: Message + Name + Default>(mask: Option<&prost_types::FieldMask>, from: &M, into: &mut M) -> Result<Vec<String>, Error> {
    let asked: Vec<&str> = mask.map(|m| m.paths.iter().map(String::as_str).collect()).unwrap_or_default();
    let source = dynamic(from)?;
    let allowed = behavior::changeable(&source.descriptor());
    let paths: Vec<&str> = match asked.as_slice() {
        [] => allowed.iter().copied().filter(|path| source.has_field_by_name(path)).collect(),
        ["*"] => allowed.clone(),
        paths => paths.to_vec(),
    };
    if let Some(bad) = paths.iter().find(|p| !allowed.contains(p)) {
        let message = format!("`{bad}` cannot be changed. Choose from {}.", allowed.join(", "));
        return Err(Error::new(Kind::InvalidArgument, ErrorReason::UpdateMaskInvalid, format!("update_mask {message}"))
            .with_field("update_mask", message));
    }
    let mut target = dynamic(into)?;
    let mut changed = Vec::new();
    for path in paths {
        let (Some(new), Some(old)) = (source.get_field_by_name(path), target.get_field_by_name(path)) else {
            return Err(Error::internal(format!("{} has no field {path}", M::full_name())));
        };
        if new == old && source.has_field_by_name(path) == target.has_field_by_name(path) {
            continue;
        }
        let new = new.into_owned();
        if source.has_field_by_name(path) {
            target.set_field_by_name(path, new);
        } else {
            target.clear_field_by_name(path);
        }
        changed.push(path.to_owned());
    }
    *into = M::decode(target.encode_to_vec().as_slice()).map_err(Error::internal)?;
    Ok(changed)
}

/// Whether an update includes a field: its mask names the field or `*`, or is
/// empty and the field is populated.
#[must_use]
pub fn includes(mask: Option<&prost_types::FieldMask>, field: &str, populated: bool) -> bool {
    match mask.map(|mask| mask.paths.as_slice()).unwrap_or_default() {
        [] => populated,
        paths => paths.iter().any(|path| path == field || path == "*"),
    }
}

fn dynamic<M: Message + Name>(message: &M) -> Result<DynamicMessage, Error> {
    let descriptor =
        POOL.get_message_by_name(&M::full_name()).ok_or_else(|| Error::internal(format!("{} has no descriptor", M::full_name())))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_proto::{onboard::v1::Program, sell::v1::Deal};

    fn mask(paths: &[&str]) -> prost_types::FieldMask {
        prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[test]
    fn only_masked_fields_change() {
        let from = Program { display_name: "new".into(), description: "new".into(), ..Default::default() };
        let mut into = Program { display_name: "old".into(), description: "old".into(), ..Default::default() };
        let changed = apply(Some(&mask(&["description"])), &from, &mut into).unwrap();
        assert_eq!((into.display_name.as_str(), into.description.as_str()), ("old", "new"));
        assert_eq!(changed, ["description"]);
    }

    #[test]
    fn without_a_mask_only_populated_fields_change() {
        let from = Program { display_name: "new".into(), ..Default::default() };
        let old = Program { display_name: "old".into(), description: "old".into(), ..Default::default() };
        let mut into = old.clone();
        assert_eq!(apply(None, &from, &mut into).unwrap(), ["display_name"]);
        assert_eq!((into.display_name.as_str(), into.description.as_str()), ("new", "old"));
        let mut into = old;
        assert_eq!(apply(Some(&mask(&["*"])), &from, &mut into).unwrap(), ["display_name", "description"]);
        assert_eq!((into.display_name.as_str(), into.description.as_str()), ("new", ""));
    }

    #[test]
    fn includes_agrees_with_apply() {
        for paths in [vec![], vec!["description"], vec!["*"], vec!["display_name", "description"], vec!["display_name"]] {
            for text in ["", "new"] {
                let from = Program { display_name: "new".into(), description: text.into(), ..Default::default() };
                let mut into = Program { display_name: "old".into(), description: "old".into(), ..Default::default() };
                let changed = apply(Some(&mask(&paths)), &from, &mut into).unwrap();
                let taken = includes(Some(&mask(&paths)), "description", !text.is_empty());
                assert_eq!(taken, changed.iter().any(|path| path == "description"), "{paths:?} {text:?}");
            }
        }
        assert!(includes(None, "description", true) && !includes(None, "description", false));
    }

    #[test]
    fn fixed_and_unknown_fields_are_refused() {
        let from = Deal { partner: "partners/p".into(), imported: true, ..Default::default() };
        for path in ["name", "etag", "partner", "pipeline_stage", "imported", "create_time", "nonsense"] {
            let error = apply(Some(&mask(&[path])), &from, &mut Deal::default()).unwrap_err();
            assert_eq!(error.reason(), "UPDATE_MASK_INVALID");
            let text =
                format!("`{path}` cannot be changed. Choose from display_name, credits, product_line, customer, amount, close_date, kind.");
            assert_eq!(error.fields()[0].message, text);
        }
        for mask in [None, Some(&mask(&["*"]))] {
            let mut into = Deal { pipeline_stage: 1, ..Default::default() };
            assert_eq!(apply(mask, &from, &mut into).unwrap(), [""; 0]);
            assert_eq!(into, Deal { pipeline_stage: 1, ..Default::default() });
        }
    }
}
