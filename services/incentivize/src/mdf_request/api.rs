use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::incentivize::v1::{
    ApproveMdfRequestRequest, CancelMdfRequestRequest, CreateMdfRequestRequest, GetMdfRequestRequest, ListMdfRequestsRequest,
    ListMdfRequestsResponse, MdfRequest, RejectMdfRequestRequest, StartMdfRequestRequest, SubmitMdfRequestRequest,
    mdf_request_service_server::MdfRequestService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{judged, operations, store};
use crate::Api;

#[tonic::async_trait]
impl MdfRequestService for Api {
    async fn create_mdf_request(&self, request: Request<CreateMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        let named = request.mdf_request.as_ref().map(|r| r.partner.as_str()).unwrap_or_default();
        // A retry gets its first answer, whatever became of the partner meanwhile.
        let partner = stoa_directory::enrolled_for_write(&self.deps, &cx, "mdf_request.partner", named).await;
        answer(
            self.deps
                .store
                .write_once(&cx, request, move |tx, cx, request| operations::create(tx, cx, request, partner.clone()).boxed())
                .await,
        )
    }

    async fn get_mdf_request(&self, request: Request<GetMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "mdfRequests", &request.name)?;
                let found = store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
                judged(found, cx.now)
            }
            .await,
        )
    }

    async fn list_mdf_requests(&self, request: Request<ListMdfRequestsRequest>) -> Result<Response<ListMdfRequestsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListMdfRequests", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut found = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut found, |r| vec![names::last(&r.name).to_owned()]);
                let mdf_requests = found.into_iter().map(|r| judged(r, cx.now)).collect::<Result<_>>()?;
                Ok(ListMdfRequestsResponse { mdf_requests, next_page_token })
            }
            .await,
        )
    }

    async fn submit_mdf_request(&self, request: Request<SubmitMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::submit(tx, cx, request).boxed()).await)
    }

    async fn approve_mdf_request(&self, request: Request<ApproveMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::approve(tx, cx, request).boxed()).await)
    }

    async fn reject_mdf_request(&self, request: Request<RejectMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::reject(tx, cx, request).boxed()).await)
    }

    async fn start_mdf_request(&self, request: Request<StartMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::start(tx, cx, request).boxed()).await)
    }

    async fn cancel_mdf_request(&self, request: Request<CancelMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::cancel(tx, cx, request).boxed()).await)
    }
}
