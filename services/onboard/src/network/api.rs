use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    GetPartnerRequest, ListPartnersRequest, ListPartnersResponse, Partner, UpdatePartnerRequest, partner_service_server::PartnerService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::operations;
use crate::{Api, partner::store::Partners};

#[tonic::async_trait]
impl PartnerService for Api {
    async fn get_partner(&self, request: Request<GetPartnerRequest>) -> Result<Response<Partner>, Status> {
        get::<Partners>(&self.deps, request).await
    }

    async fn list_partners(&self, request: Request<ListPartnersRequest>) -> Result<Response<ListPartnersResponse>, Status> {
        list::<Partners, _>(&self.deps, request).await
    }

    async fn update_partner(&self, request: Request<UpdatePartnerRequest>) -> Result<Response<Partner>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
