use stoa_kernel::Result;
use stoa_proto::enable::v1::{
    CourseCompletion, GetCourseCompletionRequest, ListCourseCompletionsRequest, ListCourseCompletionsResponse,
    RecordCourseCompletionRequest, course_completion_service_server::CourseCompletionService,
};
use stoa_service::{get, list, write_with};
use tonic::{Request, Response, Status};

use super::{lookup, operations, store::Completions};
use crate::Api;

#[tonic::async_trait]
impl CourseCompletionService for Api {
    async fn record_course_completion(
        &self,
        request: Request<RecordCourseCompletionRequest>,
    ) -> Result<Response<CourseCompletion>, Status> {
        write_with(&self.deps, request, lookup::partner, operations::record).await
    }

    async fn get_course_completion(&self, request: Request<GetCourseCompletionRequest>) -> Result<Response<CourseCompletion>, Status> {
        get::<Completions>(&self.deps, request).await
    }

    async fn list_course_completions(
        &self,
        request: Request<ListCourseCompletionsRequest>,
    ) -> Result<Response<ListCourseCompletionsResponse>, Status> {
        list::<Completions, _>(&self.deps, request).await
    }
}
