use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    Agreement, CancelAgreementRequest, CreateAgreementRequest, DeclineAgreementRequest, GetAgreementRequest, ListAgreementsRequest,
    ListAgreementsResponse, SendAgreementRequest, SignAgreementRequest, agreement_service_server::AgreementService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl AgreementService for Api {
    async fn create_agreement(&self, request: Request<CreateAgreementRequest>) -> Result<Response<Agreement>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_agreement(&self, request: Request<GetAgreementRequest>) -> Result<Response<Agreement>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "agreements", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_agreements(&self, request: Request<ListAgreementsRequest>) -> Result<Response<ListAgreementsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListAgreements", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut agreements = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut agreements, |a| vec![names::last(&a.name).to_owned()]);
                Ok(ListAgreementsResponse { agreements, next_page_token })
            }
            .await,
        )
    }

    async fn send_agreement(&self, request: Request<SendAgreementRequest>) -> Result<Response<Agreement>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::send(tx, cx, request).boxed()).await)
    }

    async fn sign_agreement(&self, request: Request<SignAgreementRequest>) -> Result<Response<Agreement>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::sign(tx, cx, request).boxed()).await)
    }

    async fn decline_agreement(&self, request: Request<DeclineAgreementRequest>) -> Result<Response<Agreement>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::decline(tx, cx, request).boxed()).await)
    }

    async fn cancel_agreement(&self, request: Request<CancelAgreementRequest>) -> Result<Response<Agreement>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::cancel(tx, cx, request).boxed()).await)
    }
}
