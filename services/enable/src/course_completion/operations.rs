//! Recording a completion.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::{
    enable::v1::{CourseCompletion, CourseCompletionRecorded, RecordCourseCompletionRequest},
    onboard::v1::Partner,
};
use stoa_store::Tx;

use super::{new, store};
use crate::course;

/// Records a completion for a partner that was looked up before the
/// transaction; the first record stays.
pub(super) async fn record(
    tx: &Tx,
    cx: &Cx,
    request: &RecordCourseCompletionRequest,
    partner: Result<Partner>,
) -> Result<CourseCompletion> {
    let partner = partner?.name;
    let at = cx.occurred("complete_time", request.complete_time.as_ref())?;
    let course_id = names::id("course", "courses", &request.course)?;
    let missing = || Error::reference_not_found("course", &request.course);
    let course = course::store::find(tx.conn(), cx, course_id).await?.ok_or_else(missing)?;
    let completion = new(request, &partner, &course, at, cx)?;
    if !store::insert_first(tx, cx, &completion).await? {
        let known = store::find(tx.conn(), cx, names::last(&completion.name)).await?;
        return known.ok_or_else(|| Error::internal(format!("{} is gone", completion.name)));
    }
    let fact = Fact::new(&completion.name, 1).partner(&completion.partner).occurred(at);
    let event = CourseCompletionRecorded { course_completion: Some(completion.clone()) };
    stoa_events::append(tx, cx, fact, &event).await?;
    Ok(completion)
}
