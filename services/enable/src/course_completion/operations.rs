//! Commands on course completions.

use stoa_events::{Step, record_first};
use stoa_kernel::{Cx, Result};
use stoa_proto::{
    enable::v1::{CourseCompletion, CourseCompletionRecorded, RecordCourseCompletionRequest},
    onboard::v1::Partner,
};
use stoa_store::{Tx, documents};

use super::{new, store::Completions};
use crate::course::store::Courses;

/// Records a completion, or returns the existing record of it.
pub(super) async fn record(tx: &Tx, cx: &Cx, request: &RecordCourseCompletionRequest, partner: &Partner) -> Result<CourseCompletion> {
    let at = cx.occurred("complete_time", request.complete_time.as_ref())?;
    let course = documents::get_referenced::<Courses, _>(tx.conn(), cx, "course", &request.course).await?;
    let completion = new(request, &partner.name, &course, at)?;
    let name = completion.name.clone();
    match record_first::<Completions>(tx, cx, Step::new::<CourseCompletionRecorded>(completion).at(at)).await? {
        Some(recorded) => Ok(recorded),
        None => documents::get::<Completions, _>(tx.conn(), cx, &name).await,
    }
}
