use futures::FutureExt;
use stoa_kernel::{Error, names, page::Page};
use stoa_proto::incentivize::v1::{
    CommissionRule, CreateCommissionRuleRequest, ExpireCommissionRuleRequest, GetCommissionRuleRequest, ListCommissionRulesRequest,
    ListCommissionRulesResponse, commission_rule_service_server::CommissionRuleService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl CommissionRuleService for Api {
    async fn create_commission_rule(&self, request: Request<CreateCommissionRuleRequest>) -> Result<Response<CommissionRule>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_commission_rule(&self, request: Request<GetCommissionRuleRequest>) -> Result<Response<CommissionRule>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "commissionRules", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_commission_rules(
        &self,
        request: Request<ListCommissionRulesRequest>,
    ) -> Result<Response<ListCommissionRulesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCommissionRules", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut commission_rules = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut commission_rules, |r| vec![names::last(&r.name).to_owned()]);
                Ok(ListCommissionRulesResponse { commission_rules, next_page_token })
            }
            .await,
        )
    }

    async fn expire_commission_rule(&self, request: Request<ExpireCommissionRuleRequest>) -> Result<Response<CommissionRule>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::expire(tx, cx, request).boxed()).await)
    }
}
