use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    Commission, GetCommissionRequest, ListCommissionsRequest, ListCommissionsResponse, commission_service_server::CommissionService,
};
use stoa_service::{get, list};
use tonic::{Request, Response, Status};

use super::store::Commissions;
use crate::Api;

#[tonic::async_trait]
impl CommissionService for Api {
    async fn get_commission(&self, request: Request<GetCommissionRequest>) -> Result<Response<Commission>, Status> {
        get::<Commissions>(&self.deps, request).await
    }

    async fn list_commissions(&self, request: Request<ListCommissionsRequest>) -> Result<Response<ListCommissionsResponse>, Status> {
        list::<Commissions, _>(&self.deps, request).await
    }
}
