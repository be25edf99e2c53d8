use futures::FutureExt;
use stoa_kernel::{Result, names, page::Page};
use stoa_proto::enable::v1::{
    ListPortalActivitiesRequest, ListPortalActivitiesResponse, RecordPortalActivityRequest, RecordPortalActivityResponse,
    portal_activity_service_server::PortalActivityService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{record, store};
use crate::Api;

#[tonic::async_trait]
impl PortalActivityService for Api {
    async fn record_portal_activity(
        &self,
        request: Request<RecordPortalActivityRequest>,
    ) -> Result<Response<RecordPortalActivityResponse>, Status> {
        let (cx, request) = enter(request)?;
        // A retry gets its first answer, whatever became of the partners meanwhile.
        let batch = record::check(&self.deps, &cx, &request).await;
        answer(self.deps.store.write_once(&cx, request, move |tx, cx, _| record::write(tx, cx, batch.clone()).boxed()).await)
    }

    async fn list_portal_activities(
        &self,
        request: Request<ListPortalActivitiesRequest>,
    ) -> Result<Response<ListPortalActivitiesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListPortalActivities", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut portal_activities = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut portal_activities, |a| vec![names::last(&a.name).to_owned()]);
                Ok(ListPortalActivitiesResponse { portal_activities, next_page_token })
            }
            .await,
        )
    }
}
