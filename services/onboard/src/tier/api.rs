use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    CreateTierRequest, GetTierRequest, ListTiersRequest, ListTiersResponse, Tier, UpdateTierRequest, tier_service_server::TierService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl TierService for Api {
    async fn create_tier(&self, request: Request<CreateTierRequest>) -> Result<Response<Tier>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_tier(&self, request: Request<GetTierRequest>) -> Result<Response<Tier>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                names::nested("name", "programs", "tiers", &request.name)?;
                store::find(self.deps.store.read(), &cx, &request.name).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_tiers(&self, request: Request<ListTiersRequest>) -> Result<Response<ListTiersResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let program = names::id("parent", "programs", &request.parent)?;
                let query = ["ListTiers", program];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut tiers = store::list(self.deps.store.read(), &cx, program, &page).await?;
                let next_page_token = page.cut(&mut tiers, |t| vec![store::key(&t.name)]);
                Ok(ListTiersResponse { tiers, next_page_token })
            }
            .await,
        )
    }

    async fn update_tier(&self, request: Request<UpdateTierRequest>) -> Result<Response<Tier>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }
}
