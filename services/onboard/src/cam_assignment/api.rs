use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    AssignCamRequest, CamAssignment, GetCamAssignmentRequest, ListCamAssignmentsRequest, ListCamAssignmentsResponse,
    cam_assignment_service_server::CamAssignmentService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl CamAssignmentService for Api {
    async fn assign_cam(&self, request: Request<AssignCamRequest>) -> Result<Response<CamAssignment>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::assign(tx, cx, request).boxed()).await)
    }

    async fn get_cam_assignment(&self, request: Request<GetCamAssignmentRequest>) -> Result<Response<CamAssignment>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "camAssignments", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_cam_assignments(
        &self,
        request: Request<ListCamAssignmentsRequest>,
    ) -> Result<Response<ListCamAssignmentsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCamAssignments", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut cam_assignments = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut cam_assignments, |a| vec![names::last(&a.name).to_owned()]);
                Ok(ListCamAssignmentsResponse { cam_assignments, next_page_token })
            }
            .await,
        )
    }
}
