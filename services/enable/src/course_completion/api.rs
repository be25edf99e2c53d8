use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::enable::v1::{
    CourseCompletion, GetCourseCompletionRequest, ListCourseCompletionsRequest, ListCourseCompletionsResponse,
    RecordCourseCompletionRequest, course_completion_service_server::CourseCompletionService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl CourseCompletionService for Api {
    async fn record_course_completion(
        &self,
        request: Request<RecordCourseCompletionRequest>,
    ) -> Result<Response<CourseCompletion>, Status> {
        let (cx, request) = enter(request)?;
        // A retry gets its first answer, whatever became of the partner meanwhile.
        let partner = stoa_directory::acting_partner(&self.deps, &cx, "partner", &request.partner).await;
        answer(
            self.deps
                .store
                .write_once(&cx, request, move |tx, cx, request| operations::record(tx, cx, request, partner.clone()).boxed())
                .await,
        )
    }

    async fn get_course_completion(&self, request: Request<GetCourseCompletionRequest>) -> Result<Response<CourseCompletion>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "courseCompletions", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_course_completions(
        &self,
        request: Request<ListCourseCompletionsRequest>,
    ) -> Result<Response<ListCourseCompletionsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCourseCompletions", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut course_completions = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut course_completions, |c| vec![names::last(&c.name).to_owned()]);
                Ok(ListCourseCompletionsResponse { course_completions, next_page_token })
            }
            .await,
        )
    }
}
