use stoa_kernel::Result;
use stoa_proto::market::v1::{
    ApproveMarketingCampaignRequest, CancelMarketingCampaignRequest, CompleteMarketingCampaignRequest, CreateMarketingCampaignRequest,
    DeployMarketingCampaignRequest, GetMarketingCampaignRequest, ListMarketingCampaignsRequest, ListMarketingCampaignsResponse,
    MarketingCampaign, RejectMarketingCampaignRequest, ReportMarketingCampaignResultsRequest, ScheduleMarketingCampaignRequest,
    SubmitMarketingCampaignRequest, UpdateMarketingCampaignRequest, marketing_campaign_service_server::MarketingCampaignService,
};
use stoa_service::{get, list, write, write_with};
use tonic::{Request, Response, Status};

use super::{lookup, operations, store::Campaigns};
use crate::Api;

#[tonic::async_trait]
impl MarketingCampaignService for Api {
    async fn create_marketing_campaign(
        &self,
        request: Request<CreateMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write_with(&self.deps, request, lookup::partner, operations::create).await
    }

    async fn get_marketing_campaign(&self, request: Request<GetMarketingCampaignRequest>) -> Result<Response<MarketingCampaign>, Status> {
        get::<Campaigns>(&self.deps, request).await
    }

    async fn list_marketing_campaigns(
        &self,
        request: Request<ListMarketingCampaignsRequest>,
    ) -> Result<Response<ListMarketingCampaignsResponse>, Status> {
        list::<Campaigns, _>(&self.deps, request).await
    }

    async fn update_marketing_campaign(
        &self,
        request: Request<UpdateMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write(&self.deps, request, operations::update).await
    }

    async fn submit_marketing_campaign(
        &self,
        request: Request<SubmitMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write_with(&self.deps, request, lookup::may_act, operations::submit).await
    }

    async fn approve_marketing_campaign(
        &self,
        request: Request<ApproveMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write(&self.deps, request, operations::approve).await
    }

    async fn reject_marketing_campaign(
        &self,
        request: Request<RejectMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write(&self.deps, request, operations::reject).await
    }

    async fn schedule_marketing_campaign(
        &self,
        request: Request<ScheduleMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write_with(&self.deps, request, lookup::may_act, operations::schedule).await
    }

    async fn deploy_marketing_campaign(
        &self,
        request: Request<DeployMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write_with(&self.deps, request, lookup::may_act, operations::deploy).await
    }

    async fn complete_marketing_campaign(
        &self,
        request: Request<CompleteMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write(&self.deps, request, operations::complete).await
    }

    async fn report_marketing_campaign_results(
        &self,
        request: Request<ReportMarketingCampaignResultsRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write(&self.deps, request, operations::report_results).await
    }

    async fn cancel_marketing_campaign(
        &self,
        request: Request<CancelMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        write(&self.deps, request, operations::cancel).await
    }
}
