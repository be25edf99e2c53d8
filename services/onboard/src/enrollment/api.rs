use futures::stream::BoxStream;
use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    AssignTierRequest, AuthorizeProductLinesRequest, BulkEnrollRequest, BulkEnrollResponse, CreateEnrollmentRequest, Enrollment,
    GetEnrollmentRequest, ListEnrollmentsRequest, ListEnrollmentsResponse, ReactivateEnrollmentRequest, SuspendEnrollmentRequest,
    TerminateEnrollmentRequest, enrollment_service_server::EnrollmentService,
};
use stoa_rpc::{Rows, answer, enter};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status, Streaming};

use super::{bulk, enroll, operations, store::Enrollments};
use crate::Api;

#[tonic::async_trait]
impl EnrollmentService for Api {
    type BulkEnrollStream = BoxStream<'static, Result<BulkEnrollResponse, Status>>;

    async fn create_enrollment(&self, request: Request<CreateEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        write(&self.deps, request, enroll::create).await
    }

    async fn get_enrollment(&self, request: Request<GetEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        get::<Enrollments>(&self.deps, request).await
    }

    async fn list_enrollments(&self, request: Request<ListEnrollmentsRequest>) -> Result<Response<ListEnrollmentsResponse>, Status> {
        list::<Enrollments, _>(&self.deps, request).await
    }

    async fn assign_tier(&self, request: Request<AssignTierRequest>) -> Result<Response<Enrollment>, Status> {
        write(&self.deps, request, operations::assign_tier).await
    }

    async fn authorize_product_lines(&self, request: Request<AuthorizeProductLinesRequest>) -> Result<Response<Enrollment>, Status> {
        write(&self.deps, request, operations::authorize_product_lines).await
    }

    async fn suspend_enrollment(&self, request: Request<SuspendEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        write(&self.deps, request, operations::suspend).await
    }

    async fn reactivate_enrollment(&self, request: Request<ReactivateEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        write(&self.deps, request, operations::reactivate).await
    }

    async fn terminate_enrollment(&self, request: Request<TerminateEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        write(&self.deps, request, operations::terminate).await
    }

    async fn bulk_enroll(&self, request: Request<Streaming<BulkEnrollRequest>>) -> Result<Response<Self::BulkEnrollStream>, Status> {
        let turns = Rows::of(&request);
        let (cx, rows) = enter(request)?;
        answer(bulk::enroll(&self.deps, cx, turns, rows))
    }
}
