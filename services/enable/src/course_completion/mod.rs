//! Course completion: a person completed a version of a course. It is a fact:
//! it never changes, and there is one for person, course and version.

mod api;
pub(crate) mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, ids, names};
use stoa_proto::enable::v1::{Course, CourseCompletion, CourseCompletionRecorded, ErrorReason, RecordCourseCompletionRequest};
use stoa_store::Tx;

use crate::{course, occurred::occurred};

/// The completion's id follows from what makes it unique.
fn id(person: &str, course: &str, version: i32) -> String {
    ids::derived(&[person, course, &version.to_string()])
}

/// The version that was completed: the one asked for, or the present one.
fn version(course: &Course, asked: i32) -> Result<i32> {
    match asked {
        0 => Ok(course.version),
        asked if asked <= course.version => Ok(asked),
        asked => {
            let message = format!("{} has no version {asked}; the present one is {}", course.name, course.version);
            Err(Error::precondition(ErrorReason::CourseVersionUnknown.as_str_name(), message)
                .with_field("course_version", "is not known yet"))
        }
    }
}

fn new(request: &RecordCourseCompletionRequest, partner: &str, course: &Course, at: Timestamp, cx: &Cx) -> Result<CourseCompletion> {
    let person = names::id("person", "persons", &request.person)?;
    let course_version = version(course, request.course_version)?;
    Ok(CourseCompletion {
        name: names::name("courseCompletions", &id(person, names::last(&course.name), course_version)),
        partner: partner.to_owned(),
        person: request.person.clone(),
        course: course.name.clone(),
        course_version,
        product_line: course.product_line.clone(),
        complete_time: Some(at.proto()),
        create_time: Some(cx.now.proto()),
        etag: etag::of(1),
    })
}

/// Records a completion for a partner that the directory knows; the first
/// record stays. Another partner's is not shown: for this caller there is no
/// such person.
async fn record(tx: &Tx, cx: &Cx, request: &RecordCourseCompletionRequest, partner: String) -> Result<CourseCompletion> {
    let at = occurred("complete_time", request.complete_time.as_ref(), cx)?;
    let course_id = names::id("course", "courses", &request.course)?;
    let course =
        course::store::find(tx.conn(), cx, course_id).await?.ok_or_else(|| Error::reference_not_found("course", &request.course))?;
    let completion = new(request, &partner, &course, at, cx)?;
    if !store::insert_first(tx, cx, &completion).await? {
        let known = store::find(tx.conn(), cx, names::last(&completion.name)).await?;
        return known.ok_or_else(|| Error::reference_not_found("person", &request.person));
    }
    let fact = Fact::new(&completion.name, 1).partner(&completion.partner).occurred(at);
    let event = CourseCompletionRecorded { course_completion: Some(completion.clone()) };
    stoa_events::append(tx, cx, fact, &event).await?;
    Ok(completion)
}

#[cfg(test)]
mod tests;
