use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    AdvanceProspectRequest, CloseProspectRequest, CreateProspectRequest, GetProspectRequest, ListProspectsRequest, ListProspectsResponse,
    Prospect, ReopenProspectRequest, UpdateProspectRequest, prospect_service_server::ProspectService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Prospects};
use crate::Api;

#[tonic::async_trait]
impl ProspectService for Api {
    async fn create_prospect(&self, request: Request<CreateProspectRequest>) -> Result<Response<Prospect>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_prospect(&self, request: Request<GetProspectRequest>) -> Result<Response<Prospect>, Status> {
        get::<Prospects>(&self.deps, request).await
    }

    async fn list_prospects(&self, request: Request<ListProspectsRequest>) -> Result<Response<ListProspectsResponse>, Status> {
        list::<Prospects, _>(&self.deps, request).await
    }

    async fn update_prospect(&self, request: Request<UpdateProspectRequest>) -> Result<Response<Prospect>, Status> {
        write(&self.deps, request, operations::update).await
    }

    async fn advance_prospect(&self, request: Request<AdvanceProspectRequest>) -> Result<Response<Prospect>, Status> {
        write(&self.deps, request, operations::advance).await
    }

    async fn close_prospect(&self, request: Request<CloseProspectRequest>) -> Result<Response<Prospect>, Status> {
        write(&self.deps, request, operations::close).await
    }

    async fn reopen_prospect(&self, request: Request<ReopenProspectRequest>) -> Result<Response<Prospect>, Status> {
        write(&self.deps, request, operations::reopen).await
    }
}
