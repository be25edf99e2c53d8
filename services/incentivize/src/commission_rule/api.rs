use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    CommissionRule, CreateCommissionRuleRequest, ExpireCommissionRuleRequest, GetCommissionRuleRequest, ListCommissionRulesRequest,
    ListCommissionRulesResponse, commission_rule_service_server::CommissionRuleService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::CommissionRules};
use crate::Api;

#[tonic::async_trait]
impl CommissionRuleService for Api {
    async fn create_commission_rule(&self, request: Request<CreateCommissionRuleRequest>) -> Result<Response<CommissionRule>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_commission_rule(&self, request: Request<GetCommissionRuleRequest>) -> Result<Response<CommissionRule>, Status> {
        get::<CommissionRules>(&self.deps, request).await
    }

    async fn list_commission_rules(
        &self,
        request: Request<ListCommissionRulesRequest>,
    ) -> Result<Response<ListCommissionRulesResponse>, Status> {
        list::<CommissionRules, _>(&self.deps, request).await
    }

    async fn expire_commission_rule(&self, request: Request<ExpireCommissionRuleRequest>) -> Result<Response<CommissionRule>, Status> {
        write(&self.deps, request, operations::expire).await
    }
}
