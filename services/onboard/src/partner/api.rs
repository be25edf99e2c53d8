use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    GetPartnerRequest, ListPartnersRequest, ListPartnersResponse, Partner, UpdatePartnerRequest, partner_service_server::PartnerService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl PartnerService for Api {
    async fn get_partner(&self, request: Request<GetPartnerRequest>) -> Result<Response<Partner>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "partners", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_partners(&self, request: Request<ListPartnersRequest>) -> Result<Response<ListPartnersResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListPartners", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut partners = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut partners, |p| vec![names::last(&p.name).to_owned()]);
                Ok(ListPartnersResponse { partners, next_page_token })
            }
            .await,
        )
    }

    async fn update_partner(&self, request: Request<UpdatePartnerRequest>) -> Result<Response<Partner>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }
}
