use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    CreateMdfBudgetRequest, GetMdfBudgetRequest, ListMdfBudgetsRequest, ListMdfBudgetsResponse, MdfBudget,
    mdf_budget_service_server::MdfBudgetService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::MdfBudgets};
use crate::Api;

#[tonic::async_trait]
impl MdfBudgetService for Api {
    async fn create_mdf_budget(&self, request: Request<CreateMdfBudgetRequest>) -> Result<Response<MdfBudget>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_mdf_budget(&self, request: Request<GetMdfBudgetRequest>) -> Result<Response<MdfBudget>, Status> {
        get::<MdfBudgets>(&self.deps, request).await
    }

    async fn list_mdf_budgets(&self, request: Request<ListMdfBudgetsRequest>) -> Result<Response<ListMdfBudgetsResponse>, Status> {
        list::<MdfBudgets, _>(&self.deps, request).await
    }
}
