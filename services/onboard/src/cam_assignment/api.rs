use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    AssignCamRequest, CamAssignment, GetCamAssignmentRequest, ListCamAssignmentsRequest, ListCamAssignmentsResponse,
    cam_assignment_service_server::CamAssignmentService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::operations;
use crate::{Api, scope::CamAssignments};

#[tonic::async_trait]
impl CamAssignmentService for Api {
    async fn assign_cam(&self, request: Request<AssignCamRequest>) -> Result<Response<CamAssignment>, Status> {
        write(&self.deps, request, operations::assign).await
    }

    async fn get_cam_assignment(&self, request: Request<GetCamAssignmentRequest>) -> Result<Response<CamAssignment>, Status> {
        get::<CamAssignments>(&self.deps, request).await
    }

    async fn list_cam_assignments(
        &self,
        request: Request<ListCamAssignmentsRequest>,
    ) -> Result<Response<ListCamAssignmentsResponse>, Status> {
        list::<CamAssignments, _>(&self.deps, request).await
    }
}
