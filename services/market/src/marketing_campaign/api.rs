use futures::FutureExt;
use stoa_directory::acting_partner;
use stoa_kernel::{Cx, Error, Reach, Result, names, page::Page};
use stoa_proto::market::v1::{
    ApproveMarketingCampaignRequest, CancelMarketingCampaignRequest, CompleteMarketingCampaignRequest, CreateMarketingCampaignRequest,
    DeployMarketingCampaignRequest, GetMarketingCampaignRequest, ListMarketingCampaignsRequest, ListMarketingCampaignsResponse,
    MarketingCampaign, RejectMarketingCampaignRequest, ReportMarketingCampaignResultsRequest, ScheduleMarketingCampaignRequest,
    SubmitMarketingCampaignRequest, UpdateMarketingCampaignRequest, marketing_campaign_service_server::MarketingCampaignService,
};
use stoa_rpc::{Deps, answer, enter};
use tonic::{Request, Response, Status};

use super::{judged, operations, store};
use crate::Api;

#[tonic::async_trait]
impl MarketingCampaignService for Api {
    async fn create_marketing_campaign(
        &self,
        request: Request<CreateMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        let named = request.marketing_campaign.as_ref().map(|c| c.partner.as_str()).unwrap_or_default();
        // A retry gets its first answer, whatever became of the partner meanwhile.
        let partner = acting_partner(&self.deps, &cx, "marketing_campaign.partner", named).await;
        answer(
            self.deps
                .store
                .write_once(&cx, request, move |tx, cx, request| operations::create(tx, cx, request, partner.clone()).boxed())
                .await,
        )
    }

    async fn get_marketing_campaign(&self, request: Request<GetMarketingCampaignRequest>) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "marketingCampaigns", &request.name)?;
                let campaign = store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
                Ok(judged(campaign, cx.now))
            }
            .await,
        )
    }

    async fn list_marketing_campaigns(
        &self,
        request: Request<ListMarketingCampaignsRequest>,
    ) -> Result<Response<ListMarketingCampaignsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListMarketingCampaigns", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut campaigns = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut campaigns, |c| vec![names::last(&c.name).to_owned()]);
                let marketing_campaigns = campaigns.into_iter().map(|c| judged(c, cx.now)).collect();
                Ok(ListMarketingCampaignsResponse { marketing_campaigns, next_page_token })
            }
            .await,
        )
    }

    async fn update_marketing_campaign(
        &self,
        request: Request<UpdateMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }

    async fn submit_marketing_campaign(
        &self,
        request: Request<SubmitMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        let may = may_act(&self.deps, &cx).await;
        answer(
            self.deps.store.write_once(&cx, request, move |tx, cx, request| operations::submit(tx, cx, request, may.clone()).boxed()).await,
        )
    }

    async fn approve_marketing_campaign(
        &self,
        request: Request<ApproveMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::approve(tx, cx, request).boxed()).await)
    }

    async fn reject_marketing_campaign(
        &self,
        request: Request<RejectMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::reject(tx, cx, request).boxed()).await)
    }

    async fn schedule_marketing_campaign(
        &self,
        request: Request<ScheduleMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        let may = may_act(&self.deps, &cx).await;
        answer(
            self.deps
                .store
                .write_once(&cx, request, move |tx, cx, request| operations::schedule(tx, cx, request, may.clone()).boxed())
                .await,
        )
    }

    async fn deploy_marketing_campaign(
        &self,
        request: Request<DeployMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        let may = may_act(&self.deps, &cx).await;
        answer(
            self.deps.store.write_once(&cx, request, move |tx, cx, request| operations::deploy(tx, cx, request, may.clone()).boxed()).await,
        )
    }

    async fn complete_marketing_campaign(
        &self,
        request: Request<CompleteMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::complete(tx, cx, request).boxed()).await)
    }

    async fn report_marketing_campaign_results(
        &self,
        request: Request<ReportMarketingCampaignResultsRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::report_results(tx, cx, request).boxed()).await)
    }

    async fn cancel_marketing_campaign(
        &self,
        request: Request<CancelMarketingCampaignRequest>,
    ) -> Result<Response<MarketingCampaign>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::cancel(tx, cx, request).boxed()).await)
    }
}

/// As [`acting_partner`], for what happens to a campaign of the caller's own.
async fn may_act(deps: &Deps, cx: &Cx) -> Result<()> {
    match cx.caller.reach {
        Reach::Partner(_) => stoa_directory::enrolled_for_write(deps, cx, "name", "").await.map(|_| ()),
        Reach::Tenant => Ok(()),
    }
}
