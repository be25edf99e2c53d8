use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::enable::v1::{
    Course, CreateCourseRequest, GetCourseRequest, ListCoursesRequest, ListCoursesResponse, UpdateCourseRequest,
    course_service_server::CourseService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl CourseService for Api {
    async fn create_course(&self, request: Request<CreateCourseRequest>) -> Result<Response<Course>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_course(&self, request: Request<GetCourseRequest>) -> Result<Response<Course>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "courses", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_courses(&self, request: Request<ListCoursesRequest>) -> Result<Response<ListCoursesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCourses", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut courses = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut courses, |c| vec![names::last(&c.name).to_owned()]);
                Ok(ListCoursesResponse { courses, next_page_token })
            }
            .await,
        )
    }

    async fn update_course(&self, request: Request<UpdateCourseRequest>) -> Result<Response<Course>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }
}
