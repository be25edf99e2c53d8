use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    AdvanceProspectRequest, CloseProspectRequest, CreateProspectRequest, GetProspectRequest, ListProspectsRequest, ListProspectsResponse,
    Prospect, ReopenProspectRequest, UpdateProspectRequest, prospect_service_server::ProspectService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl ProspectService for Api {
    async fn create_prospect(&self, request: Request<CreateProspectRequest>) -> Result<Response<Prospect>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_prospect(&self, request: Request<GetProspectRequest>) -> Result<Response<Prospect>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "prospects", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_prospects(&self, request: Request<ListProspectsRequest>) -> Result<Response<ListProspectsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListProspects", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut prospects = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut prospects, |p| vec![names::last(&p.name).to_owned()]);
                Ok(ListProspectsResponse { prospects, next_page_token })
            }
            .await,
        )
    }

    async fn update_prospect(&self, request: Request<UpdateProspectRequest>) -> Result<Response<Prospect>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }

    async fn advance_prospect(&self, request: Request<AdvanceProspectRequest>) -> Result<Response<Prospect>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::advance(tx, cx, request).boxed()).await)
    }

    async fn close_prospect(&self, request: Request<CloseProspectRequest>) -> Result<Response<Prospect>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::close(tx, cx, request).boxed()).await)
    }
    async fn reopen_prospect(&self, request: Request<ReopenProspectRequest>) -> Result<Response<Prospect>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::reopen(tx, cx, request).boxed()).await)
    }
}
