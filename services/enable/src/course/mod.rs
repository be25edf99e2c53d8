//! Course: what people of partners learn. It belongs to the vendor and is seen
//! by all partners.

mod api;
mod operations;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Result, etag, mask, names};
use stoa_proto::enable::v1::{Course, ErrorReason};

/// Fields that a caller may change.
const CHANGEABLE: [&str; 5] = ["display_name", "description", "product_line", "language", "version"];

/// A new course from what the caller sent.
fn new(id: &str, input: &Course, cx: &Cx) -> Result<Course> {
    names::optional_id("course.product_line", "productLines", &input.product_line)?;
    Ok(Course {
        name: names::name("courses", id),
        version: input.version.max(1),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    })
}

/// The course after a change, and the paths that changed. A version of 0 asks
/// for no other one, so that a caller need not repeat it.
fn changed(current: &Course, input: &Course, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Course, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let version = if input.version == 0 { current.version } else { input.version };
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, &Course { version, ..input.clone() }, &mut next)?;
    names::optional_id("course.product_line", "productLines", &next.product_line)?;
    if next.version < current.version {
        let message = format!("must be at least {}, the present one", current.version);
        return Err(Error::precondition(ErrorReason::CourseVersionLowered.as_str_name(), format!("course.version {message}"))
            .with_field("course.version", message));
    }
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

#[cfg(test)]
mod tests {
    use stoa_kernel::Clock;

    use super::*;

    #[test]
    fn the_content_version_never_falls() {
        let cx = Cx::service("t", "enable", &Clock::system(), "");
        let course = new("c", &Course { display_name: "C".into(), version: 3, ..Course::default() }, &cx).unwrap();
        let to = |version| changed(&course, &Course { version, ..course.clone() }, None, &cx);
        assert_eq!(to(2).unwrap_err().reason(), "COURSE_VERSION_LOWERED");
        assert_eq!(to(0).unwrap().1, Vec::<String>::new());
        let (next, paths) = to(4).unwrap();
        assert_eq!((next.version, etag::version(&next.etag), paths), (4, 2, vec!["version".to_owned()]));
    }

    #[test]
    fn a_product_line_is_named_by_its_collection() {
        let cx = Cx::service("t", "enable", &Clock::system(), "");
        let error = new("c", &Course { product_line: "storage".into(), ..Course::default() }, &cx).unwrap_err();
        assert_eq!(error.fields()[0].field, "course.product_line");
        assert_eq!(new("c", &Course::default(), &cx).unwrap().version, 1);
    }
}
