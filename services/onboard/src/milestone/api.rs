use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    BlockMilestoneRequest, CompleteMilestoneRequest, GetOnboardingPlanRequest, ListOnboardingPlansRequest, ListOnboardingPlansResponse,
    OnboardingPlan, WaiveMilestoneRequest, onboarding_plan_service_server::OnboardingPlanService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::operations;
use crate::{Api, onboarding_plan::store::Plans};

#[tonic::async_trait]
impl OnboardingPlanService for Api {
    async fn get_onboarding_plan(&self, request: Request<GetOnboardingPlanRequest>) -> Result<Response<OnboardingPlan>, Status> {
        get::<Plans>(&self.deps, request).await
    }

    async fn list_onboarding_plans(
        &self,
        request: Request<ListOnboardingPlansRequest>,
    ) -> Result<Response<ListOnboardingPlansResponse>, Status> {
        list::<Plans, _>(&self.deps, request).await
    }

    async fn complete_milestone(&self, request: Request<CompleteMilestoneRequest>) -> Result<Response<OnboardingPlan>, Status> {
        write(&self.deps, request, operations::complete).await
    }

    async fn block_milestone(&self, request: Request<BlockMilestoneRequest>) -> Result<Response<OnboardingPlan>, Status> {
        write(&self.deps, request, operations::block).await
    }

    async fn waive_milestone(&self, request: Request<WaiveMilestoneRequest>) -> Result<Response<OnboardingPlan>, Status> {
        write(&self.deps, request, operations::waive).await
    }
}
