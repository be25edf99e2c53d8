//! Commands on courses, for the vendor's people.

use stoa_events::record_created;
use stoa_kernel::{Cx, Result, etag};
use stoa_proto::enable::v1::{Course, CourseCreated, CourseUpdated, CreateCourseRequest, UpdateCourseRequest};
use stoa_store::{Tx, documents};

use super::{new, store::Courses, updated};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateCourseRequest) -> Result<Course> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("course_id", &request.course_id)?;
    let course = new(&id, &request.course.clone().unwrap_or_default())?;
    record_created::<Courses, CourseCreated>(tx, cx, course).await
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateCourseRequest) -> Result<Course> {
    cx.require_tenant_reach()?;
    let input = request.course.clone().unwrap_or_default();
    let current = documents::load::<Courses>(tx, cx, "course.name", &input.name).await?;
    etag::require(&current, &input.etag)?;
    let course = updated(&current, &input, request.update_mask.as_ref())?;
    stoa_events::record_changed::<Courses, CourseUpdated>(tx, cx, &current, course).await
}
