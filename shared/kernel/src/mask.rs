//! Update masks (AIP-134) over any message of the API.

use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use stoa_proto::POOL;

use crate::{Error, Kind};

/// Copies the masked fields of `from` into `into`. `allowed` lists the fields
/// that a caller may change; `*` means all of them, an empty mask those that
/// are populated in `from`. Returns the paths that changed.
///
/// # Errors
/// INVALID_ARGUMENT `UPDATE_MASK_INVALID` for a path that is not allowed.
pub fn apply<M: Message + Name + Default>(
    mask: Option<&prost_types::FieldMask>,
    allowed: &[&str],
    from: &M,
    into: &mut M,
) -> Result<Vec<String>, Error> {
    let asked: Vec<&str> = mask.map(|m| m.paths.iter().map(String::as_str).collect()).unwrap_or_default();
    let source = dynamic(from)?;
    let paths: Vec<&str> = match asked.as_slice() {
        [] => allowed.iter().copied().filter(|path| source.has_field_by_name(path)).collect(),
        ["*"] => allowed.to_vec(),
        paths => paths.to_vec(),
    };
    if let Some(bad) = paths.iter().find(|p| !allowed.contains(p)) {
        let message = format!("`{bad}` cannot be changed; choose from {}", allowed.join(", "));
        return Err(
            Error::new(Kind::InvalidArgument, "UPDATE_MASK_INVALID", format!("update_mask {message}")).with_field("update_mask", message)
        );
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

fn dynamic<M: Message + Name>(message: &M) -> Result<DynamicMessage, Error> {
    let descriptor =
        POOL.get_message_by_name(&M::full_name()).ok_or_else(|| Error::internal(format!("{} has no descriptor", M::full_name())))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_proto::onboard::v1::Program;

    fn mask(paths: &[&str]) -> prost_types::FieldMask {
        prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[test]
    fn only_masked_fields_change() {
        let from = Program { display_name: "new".into(), description: "new".into(), ..Default::default() };
        let mut into = Program { display_name: "old".into(), description: "old".into(), ..Default::default() };
        let changed = apply(Some(&mask(&["description"])), &["display_name", "description"], &from, &mut into).unwrap();
        assert_eq!((into.display_name.as_str(), into.description.as_str()), ("old", "new"));
        assert_eq!(changed, ["description"]);
    }

    #[test]
    fn without_a_mask_only_populated_fields_change() {
        let from = Program { display_name: "new".into(), ..Default::default() };
        let old = Program { display_name: "old".into(), description: "old".into(), ..Default::default() };
        let allowed = ["display_name", "description"];
        let mut into = old.clone();
        assert_eq!(apply(None, &allowed, &from, &mut into).unwrap(), ["display_name"]);
        assert_eq!((into.display_name.as_str(), into.description.as_str()), ("new", "old"));
        let mut into = old;
        assert_eq!(apply(Some(&mask(&["*"])), &allowed, &from, &mut into).unwrap(), allowed);
        assert_eq!((into.display_name.as_str(), into.description.as_str()), ("new", ""));
    }

    #[test]
    fn fixed_and_unknown_fields_are_refused() {
        let mut into = Program::default();
        for path in ["name", "etag", "nonsense"] {
            let error = apply(Some(&mask(&[path])), &["display_name"], &Program::default(), &mut into).unwrap_err();
            assert_eq!(error.reason(), "UPDATE_MASK_INVALID");
        }
    }
}
