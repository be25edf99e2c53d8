//! What the vendor's people do with courses.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::enable::v1::{Course, CourseCreated, CourseUpdated, CreateCourseRequest, UpdateCourseRequest};
use stoa_store::Tx;

use super::{changed, new, store};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateCourseRequest) -> Result<Course> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("course_id", &request.course_id)?;
    let course = new(&id, &request.course.clone().unwrap_or_default(), cx)?;
    store::insert(tx, cx, &course).await?;
    stoa_events::append(tx, cx, Fact::new(&course.name, 1), &CourseCreated { course: Some(course.clone()) }).await?;
    Ok(course)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateCourseRequest) -> Result<Course> {
    cx.require_tenant_reach()?;
    let input = request.course.clone().unwrap_or_default();
    let id = names::id("course.name", "courses", &input.name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&input.name))?;
    let (course, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if !paths.is_empty() {
        store::save(tx, cx, &course).await?;
        let fact = Fact::new(&course.name, etag::version(&course.etag)).changed(paths);
        stoa_events::append(tx, cx, fact, &CourseUpdated { course: Some(course.clone()) }).await?;
    }
    Ok(course)
}
