//! Course completion: the fact that a person completed a version of a course.
//! It never changes, and there is one per partner, person, course and version.
//! That the person works for the partner is the caller's statement, which a
//! partner's people can make for their own organization only.

mod api;
mod lookup;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Error, Result, Timestamp, ids, names};
use stoa_proto::enable::v1::{Course, CourseCompletion, ErrorReason, RecordCourseCompletionRequest};

/// Returns the id of a completion, derived from what makes it unique.
fn id(partner: &str, person: &str, course: &str, version: i32) -> String {
    ids::derived(&[partner, person, course, &version.to_string()])
}

/// Returns the completed version: the requested one, or the current one if none
/// is requested.
fn version(course: &Course, asked: i32) -> Result<i32> {
    match asked {
        0 => Ok(course.version),
        asked if asked <= course.version => Ok(asked),
        asked => {
            let message = format!("{} has no version {asked}. Its current version is {}.", course.name, course.version);
            Err(Error::precondition(ErrorReason::CourseVersionUnknown, message).with_field("course_version", "does not exist yet"))
        }
    }
}

fn new(request: &RecordCourseCompletionRequest, partner: &str, course: &Course, at: Timestamp) -> Result<CourseCompletion> {
    let person = names::id("person", "persons", &request.person)?;
    let course_version = version(course, request.course_version)?;
    Ok(CourseCompletion {
        name: names::name("courseCompletions", &id(names::last(partner), person, names::last(&course.name), course_version)),
        partner: partner.to_owned(),
        person: request.person.clone(),
        course: course.name.clone(),
        course_version,
        product_line: course.product_line.clone(),
        complete_time: Some(at.proto()),
        ..CourseCompletion::default()
    })
}

#[cfg(test)]
mod tests;
