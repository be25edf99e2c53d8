use stoa_kernel::Result;
use stoa_proto::sell::v1::{
    CreateCrmConnectorRequest, CrmConnector, GetCrmConnectorRequest, ListCrmConnectorsRequest, ListCrmConnectorsResponse,
    UpdateCrmConnectorRequest, crm_connector_service_server::CrmConnectorService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::CrmConnectors};
use crate::Api;

#[tonic::async_trait]
impl CrmConnectorService for Api {
    async fn create_crm_connector(&self, request: Request<CreateCrmConnectorRequest>) -> Result<Response<CrmConnector>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_crm_connector(&self, request: Request<GetCrmConnectorRequest>) -> Result<Response<CrmConnector>, Status> {
        get::<CrmConnectors>(&self.deps, request).await
    }

    async fn list_crm_connectors(&self, request: Request<ListCrmConnectorsRequest>) -> Result<Response<ListCrmConnectorsResponse>, Status> {
        list::<CrmConnectors, _>(&self.deps, request).await
    }

    async fn update_crm_connector(&self, request: Request<UpdateCrmConnectorRequest>) -> Result<Response<CrmConnector>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
