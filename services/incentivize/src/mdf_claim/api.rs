use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    ApproveMdfClaimRequest, CreateMdfClaimRequest, GetMdfClaimRequest, ListMdfClaimsRequest, ListMdfClaimsResponse, MdfClaim,
    PayMdfClaimRequest, RejectMdfClaimRequest, SubmitMdfClaimRequest, mdf_claim_service_server::MdfClaimService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::MdfClaims};
use crate::Api;

#[tonic::async_trait]
impl MdfClaimService for Api {
    async fn create_mdf_claim(&self, request: Request<CreateMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_mdf_claim(&self, request: Request<GetMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        get::<MdfClaims>(&self.deps, request).await
    }

    async fn list_mdf_claims(&self, request: Request<ListMdfClaimsRequest>) -> Result<Response<ListMdfClaimsResponse>, Status> {
        list::<MdfClaims, _>(&self.deps, request).await
    }

    async fn submit_mdf_claim(&self, request: Request<SubmitMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        write(&self.deps, request, operations::submit).await
    }

    async fn approve_mdf_claim(&self, request: Request<ApproveMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        write(&self.deps, request, operations::approve).await
    }

    async fn reject_mdf_claim(&self, request: Request<RejectMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        write(&self.deps, request, operations::reject).await
    }

    async fn pay_mdf_claim(&self, request: Request<PayMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        write(&self.deps, request, operations::pay).await
    }
}
