use futures::FutureExt;
use stoa_kernel::{Error, names, page::Page};
use stoa_proto::incentivize::v1::{
    CreateMdfBudgetRequest, GetMdfBudgetRequest, ListMdfBudgetsRequest, ListMdfBudgetsResponse, MdfBudget,
    mdf_budget_service_server::MdfBudgetService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl MdfBudgetService for Api {
    async fn create_mdf_budget(&self, request: Request<CreateMdfBudgetRequest>) -> Result<Response<MdfBudget>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_mdf_budget(&self, request: Request<GetMdfBudgetRequest>) -> Result<Response<MdfBudget>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "mdfBudgets", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_mdf_budgets(&self, request: Request<ListMdfBudgetsRequest>) -> Result<Response<ListMdfBudgetsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListMdfBudgets", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut mdf_budgets = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut mdf_budgets, |b| vec![names::last(&b.name).to_owned()]);
                Ok(ListMdfBudgetsResponse { mdf_budgets, next_page_token })
            }
            .await,
        )
    }
}
