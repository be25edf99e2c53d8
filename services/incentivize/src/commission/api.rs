use stoa_kernel::{Error, names, page::Page};
use stoa_proto::incentivize::v1::{
    Commission, GetCommissionRequest, ListCommissionsRequest, ListCommissionsResponse, commission_service_server::CommissionService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::store;
use crate::Api;

#[tonic::async_trait]
impl CommissionService for Api {
    async fn get_commission(&self, request: Request<GetCommissionRequest>) -> Result<Response<Commission>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "commissions", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_commissions(&self, request: Request<ListCommissionsRequest>) -> Result<Response<ListCommissionsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCommissions", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut commissions = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut commissions, |c| vec![names::last(&c.name).to_owned()]);
                Ok(ListCommissionsResponse { commissions, next_page_token })
            }
            .await,
        )
    }
}
