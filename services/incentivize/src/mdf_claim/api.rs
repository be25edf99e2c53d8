use futures::FutureExt;
use stoa_kernel::{Error, names, page::Page};
use stoa_proto::incentivize::v1::{
    ApproveMdfClaimRequest, CreateMdfClaimRequest, GetMdfClaimRequest, ListMdfClaimsRequest, ListMdfClaimsResponse, MdfClaim,
    PayMdfClaimRequest, RejectMdfClaimRequest, SubmitMdfClaimRequest, mdf_claim_service_server::MdfClaimService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl MdfClaimService for Api {
    async fn create_mdf_claim(&self, request: Request<CreateMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_mdf_claim(&self, request: Request<GetMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "mdfClaims", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_mdf_claims(&self, request: Request<ListMdfClaimsRequest>) -> Result<Response<ListMdfClaimsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListMdfClaims", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut mdf_claims = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut mdf_claims, |r| vec![names::last(&r.name).to_owned()]);
                Ok(ListMdfClaimsResponse { mdf_claims, next_page_token })
            }
            .await,
        )
    }

    async fn submit_mdf_claim(&self, request: Request<SubmitMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::submit(tx, cx, request).boxed()).await)
    }

    async fn approve_mdf_claim(&self, request: Request<ApproveMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::approve(tx, cx, request).boxed()).await)
    }

    async fn reject_mdf_claim(&self, request: Request<RejectMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::reject(tx, cx, request).boxed()).await)
    }

    async fn pay_mdf_claim(&self, request: Request<PayMdfClaimRequest>) -> Result<Response<MdfClaim>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::pay(tx, cx, request).boxed()).await)
    }
}
