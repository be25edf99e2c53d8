use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    BlockMilestoneRequest, CompleteMilestoneRequest, GetOnboardingPlanRequest, ListOnboardingPlansRequest, ListOnboardingPlansResponse,
    OnboardingPlan, WaiveMilestoneRequest, onboarding_plan_service_server::OnboardingPlanService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl OnboardingPlanService for Api {
    async fn get_onboarding_plan(&self, request: Request<GetOnboardingPlanRequest>) -> Result<Response<OnboardingPlan>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "onboardingPlans", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_onboarding_plans(
        &self,
        request: Request<ListOnboardingPlansRequest>,
    ) -> Result<Response<ListOnboardingPlansResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListOnboardingPlans", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut onboarding_plans = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut onboarding_plans, |p| vec![names::last(&p.name).to_owned()]);
                Ok(ListOnboardingPlansResponse { onboarding_plans, next_page_token })
            }
            .await,
        )
    }

    async fn complete_milestone(&self, request: Request<CompleteMilestoneRequest>) -> Result<Response<OnboardingPlan>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::complete(tx, cx, request).boxed()).await)
    }

    async fn block_milestone(&self, request: Request<BlockMilestoneRequest>) -> Result<Response<OnboardingPlan>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::block(tx, cx, request).boxed()).await)
    }

    async fn waive_milestone(&self, request: Request<WaiveMilestoneRequest>) -> Result<Response<OnboardingPlan>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::waive(tx, cx, request).boxed()).await)
    }
}
