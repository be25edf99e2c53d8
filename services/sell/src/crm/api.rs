use futures::stream::BoxStream;
use stoa_kernel::Result;
use stoa_proto::sell::v1::{
    BatchPushChangesRequest, BatchPushChangesResponse, PushChangesRequest, PushChangesResponse, crm_sync_service_server::CrmSyncService,
};
use stoa_rpc::{Rows, answer, enter};
use tonic::{Request, Response, Status, Streaming};

use super::{batch, stream};
use crate::Api;

#[tonic::async_trait]
impl CrmSyncService for Api {
    type PushChangesStream = BoxStream<'static, Result<PushChangesResponse, Status>>;

    async fn push_changes(&self, request: Request<Streaming<PushChangesRequest>>) -> Result<Response<Self::PushChangesStream>, Status> {
        let turns = Rows::of(&request);
        let (cx, rows) = enter(request)?;
        Ok(Response::new(stream::answers(&self.deps, cx, turns, rows)))
    }

    async fn batch_push_changes(&self, request: Request<BatchPushChangesRequest>) -> Result<Response<BatchPushChangesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(batch::push(&self.deps, &cx, request).await)
    }
}
