use stoa_kernel::Result;
use stoa_proto::enable::v1::{
    ListPortalActivitiesRequest, ListPortalActivitiesResponse, RecordPortalActivityRequest, RecordPortalActivityResponse,
    portal_activity_service_server::PortalActivityService,
};
use stoa_service::{list, write_with};
use tonic::{Request, Response, Status};

use super::{lookup, operations, store::Activities};
use crate::Api;

#[tonic::async_trait]
impl PortalActivityService for Api {
    async fn record_portal_activity(
        &self,
        request: Request<RecordPortalActivityRequest>,
    ) -> Result<Response<RecordPortalActivityResponse>, Status> {
        write_with(&self.deps, request, lookup::batch, operations::record).await
    }

    async fn list_portal_activities(
        &self,
        request: Request<ListPortalActivitiesRequest>,
    ) -> Result<Response<ListPortalActivitiesResponse>, Status> {
        list::<Activities, _>(&self.deps, request).await
    }
}
