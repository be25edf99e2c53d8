use futures::FutureExt;
use stoa_kernel::{Cx, Error, Result, names, page::Page};
use stoa_proto::incentivize::v1::{
    ApproveMdfRequestRequest, CancelMdfRequestRequest, CreateMdfRequestRequest, GetMdfRequestRequest, ListMdfRequestsRequest,
    ListMdfRequestsResponse, MdfRequest, RejectMdfRequestRequest, StartMdfRequestRequest, SubmitMdfRequestRequest,
    mdf_request_service_server::MdfRequestService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl MdfRequestService for Api {
    async fn create_mdf_request(&self, request: Request<CreateMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let request = with_partner(self, &cx, request).await?;
                self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await
            }
            .await,
        )
    }

    async fn get_mdf_request(&self, request: Request<GetMdfRequestRequest>) -> Result<Response<MdfRequest>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "mdfRequests", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
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
                let mut mdf_requests = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut mdf_requests, |r| vec![names::last(&r.name).to_owned()]);
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

/// The request with the partner that it is for, who must be enrolled. Asked
/// before the write: the partner's owner may have to be called.
async fn with_partner(api: &Api, cx: &Cx, mut request: CreateMdfRequestRequest) -> Result<CreateMdfRequestRequest> {
    const FIELD: &str = "mdf_request.partner";
    let input = request.mdf_request.get_or_insert_default();
    let named = names::optional_id(FIELD, "partners", &input.partner)?;
    let partner = names::name("partners", &cx.partner_for_write(FIELD, named)?);
    stoa_directory::require_enrolled(&api.deps, cx, FIELD, &partner).await?;
    input.partner = partner;
    Ok(request)
}
