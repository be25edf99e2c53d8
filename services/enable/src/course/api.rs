use stoa_kernel::Result;
use stoa_proto::enable::v1::{
    Course, CreateCourseRequest, GetCourseRequest, ListCoursesRequest, ListCoursesResponse, UpdateCourseRequest,
    course_service_server::CourseService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Courses};
use crate::Api;

#[tonic::async_trait]
impl CourseService for Api {
    async fn create_course(&self, request: Request<CreateCourseRequest>) -> Result<Response<Course>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_course(&self, request: Request<GetCourseRequest>) -> Result<Response<Course>, Status> {
        get::<Courses>(&self.deps, request).await
    }

    async fn list_courses(&self, request: Request<ListCoursesRequest>) -> Result<Response<ListCoursesResponse>, Status> {
        list::<Courses, _>(&self.deps, request).await
    }

    async fn update_course(&self, request: Request<UpdateCourseRequest>) -> Result<Response<Course>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
