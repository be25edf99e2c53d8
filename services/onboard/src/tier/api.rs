use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    CreateTierRequest, GetTierRequest, ListTiersRequest, ListTiersResponse, Tier, UpdateTierRequest, tier_service_server::TierService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Tiers};
use crate::Api;

#[tonic::async_trait]
impl TierService for Api {
    async fn create_tier(&self, request: Request<CreateTierRequest>) -> Result<Response<Tier>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_tier(&self, request: Request<GetTierRequest>) -> Result<Response<Tier>, Status> {
        get::<Tiers>(&self.deps, request).await
    }

    async fn list_tiers(&self, request: Request<ListTiersRequest>) -> Result<Response<ListTiersResponse>, Status> {
        list::<Tiers, _>(&self.deps, request).await
    }

    async fn update_tier(&self, request: Request<UpdateTierRequest>) -> Result<Response<Tier>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
