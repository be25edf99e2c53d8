use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    ApproveMdfRequestRequest, CancelMdfRequestRequest, CreateMdfRequestRequest, GetMdfRequestRequest, ListMdfRequestsRequest,
    ListMdfRequestsResponse, MdfRequest, RejectMdfRequestRequest, StartMdfRequestRequest, SubmitMdfRequestRequest,
    mdf_request_service_server::MdfRequestService,
};
use stoa_service::{get, list, write, write_with};
use tonic::{Request, Response, Status};

use super::{lookup, operations, store::MdfRequests};
use crate::Api;

#[tonic::async_trait]
impl MdfRequestService for Api {
    async fn create_mdf_request(&self, request: Request<CreateMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        write_with(&self.deps, request, lookup::partner, operations::create).await
    }

    async fn get_mdf_request(&self, request: Request<GetMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        get::<MdfRequests>(&self.deps, request).await
    }

    async fn list_mdf_requests(&self, request: Request<ListMdfRequestsRequest>) -> Result<Response<ListMdfRequestsResponse>, Status> {
        list::<MdfRequests, _>(&self.deps, request).await
    }

    async fn submit_mdf_request(&self, request: Request<SubmitMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        write(&self.deps, request, operations::submit).await
    }

    async fn approve_mdf_request(&self, request: Request<ApproveMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        write(&self.deps, request, operations::approve).await
    }

    async fn reject_mdf_request(&self, request: Request<RejectMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        write(&self.deps, request, operations::reject).await
    }

    async fn start_mdf_request(&self, request: Request<StartMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        write(&self.deps, request, operations::start).await
    }

    async fn cancel_mdf_request(&self, request: Request<CancelMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        write(&self.deps, request, operations::cancel).await
    }
}
