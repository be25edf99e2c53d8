//! Course: what partners' people learn. It belongs to the vendor and is visible
//! to all partners.

mod api;
mod operations;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_kernel::{Error, Result, mask, names};
use stoa_proto::enable::v1::{Course, ErrorReason};

/// Creates a course from the caller's input.
fn new(id: &str, input: &Course) -> Result<Course> {
    names::optional_id("course.product_line", "productLines", &input.product_line)?;
    Ok(Course { name: names::name("courses", id), version: input.version.max(1), ..input.clone() })
}

/// Returns the course after an update. A version of 0 keeps the current one, so
/// that callers need not repeat it.
fn updated(current: &Course, input: &Course, mask: Option<&FieldMask>) -> Result<Course> {
    let mut next = current.clone();
    mask::apply(mask, input, &mut next)?;
    names::optional_id("course.product_line", "productLines", &next.product_line)?;
    if next.version == 0 {
        next.version = current.version;
    }
    if next.version < current.version {
        let message = format!("must be at least {}, the current version", current.version);
        return Err(Error::precondition(ErrorReason::CourseVersionLowered, format!("course.version {message}"))
            .with_field("course.version", message));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_version_never_falls() {
        let course = new("c", &Course { display_name: "C".into(), version: 3, ..Course::default() }).unwrap();
        let update = |version, mask: Option<&[&str]>| {
            let mask = mask.map(|paths| FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() });
            updated(&course, &Course { version, ..course.clone() }, mask.as_ref())
        };
        assert_eq!(update(2, None).unwrap_err().reason(), "COURSE_VERSION_LOWERED");
        for mask in [None, Some(&["version"][..]), Some(&["*"])] {
            assert_eq!(update(0, mask).unwrap(), course, "{mask:?}");
        }
        assert_eq!(update(4, None).unwrap(), Course { version: 4, ..course });
    }

    #[test]
    fn a_product_line_is_named_by_its_collection() {
        let error = new("c", &Course { product_line: "storage".into(), ..Course::default() }).unwrap_err();
        assert_eq!(error.fields()[0].field, "course.product_line");
        assert_eq!(new("c", &Course::default()).unwrap().version, 1);
    }
}
