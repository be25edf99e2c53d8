use stoa_kernel::Result;
use stoa_proto::sell::v1::{
    AdvanceDealStageRequest, ApproveDealRegistrationRequest, CorrectDealRequest, CreateDealRequest, Deal, ExtendDealProtectionRequest,
    GetDealRequest, ListDealsRequest, ListDealsResponse, LoseDealRequest, RejectDealRegistrationRequest, RequestDealActionRequest,
    SubmitDealRegistrationRequest, UpdateDealRequest, WinDealRequest, WithdrawDealRegistrationRequest, deal_service_server::DealService,
};
use stoa_service::{get, list, write, write_with};
use tonic::{Request, Response, Status};

use super::{lookup, operations, store::Deals};
use crate::Api;

#[tonic::async_trait]
impl DealService for Api {
    async fn create_deal(&self, request: Request<CreateDealRequest>) -> Result<Response<Deal>, Status> {
        write_with(&self.deps, request, lookup::check_partners, operations::create).await
    }

    async fn get_deal(&self, request: Request<GetDealRequest>) -> Result<Response<Deal>, Status> {
        get::<Deals>(&self.deps, request).await
    }

    async fn list_deals(&self, request: Request<ListDealsRequest>) -> Result<Response<ListDealsResponse>, Status> {
        list::<Deals, _>(&self.deps, request).await
    }

    async fn update_deal(&self, request: Request<UpdateDealRequest>) -> Result<Response<Deal>, Status> {
        write_with(&self.deps, request, lookup::check_updated_credits, operations::update).await
    }

    async fn submit_deal_registration(&self, request: Request<SubmitDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        write_with(&self.deps, request, lookup::authorized_product_lines, operations::submit).await
    }

    async fn approve_deal_registration(&self, request: Request<ApproveDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::approve).await
    }

    async fn reject_deal_registration(&self, request: Request<RejectDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::reject).await
    }

    async fn request_deal_action(&self, request: Request<RequestDealActionRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::request_action).await
    }

    async fn withdraw_deal_registration(&self, request: Request<WithdrawDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::withdraw).await
    }

    async fn extend_deal_protection(&self, request: Request<ExtendDealProtectionRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::extend).await
    }

    async fn advance_deal_stage(&self, request: Request<AdvanceDealStageRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::advance).await
    }

    async fn win_deal(&self, request: Request<WinDealRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::win).await
    }

    async fn lose_deal(&self, request: Request<LoseDealRequest>) -> Result<Response<Deal>, Status> {
        write(&self.deps, request, operations::lose).await
    }

    async fn correct_deal(&self, request: Request<CorrectDealRequest>) -> Result<Response<Deal>, Status> {
        write_with(&self.deps, request, lookup::check_corrected_credits, operations::correct).await
    }
}
