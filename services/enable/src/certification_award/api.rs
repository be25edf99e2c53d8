use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::enable::v1::{
    AwardCertificationRequest, CertificationAward, GetCertificationAwardRequest, ListCertificationAwardsRequest,
    ListCertificationAwardsResponse, RevokeCertificationAwardRequest, certification_award_service_server::CertificationAwardService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{judged, operations, store};
use crate::Api;

#[tonic::async_trait]
impl CertificationAwardService for Api {
    async fn award_certification(&self, request: Request<AwardCertificationRequest>) -> Result<Response<CertificationAward>, Status> {
        let (cx, request) = enter(request)?;
        // A retry gets its first answer, whatever became of the partner meanwhile.
        let partner = stoa_directory::partner_for_write(&self.deps, &cx, "partner", &request.partner).await;
        answer(
            self.deps
                .store
                .write_once(&cx, request, move |tx, cx, request| operations::award(tx, cx, request, partner.clone()).boxed())
                .await,
        )
    }

    async fn revoke_certification_award(
        &self,
        request: Request<RevokeCertificationAwardRequest>,
    ) -> Result<Response<CertificationAward>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::revoke(tx, cx, request).boxed()).await)
    }

    async fn get_certification_award(
        &self,
        request: Request<GetCertificationAwardRequest>,
    ) -> Result<Response<CertificationAward>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "certificationAwards", &request.name)?;
                let award = store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
                Ok(judged(award, cx.now))
            }
            .await,
        )
    }

    async fn list_certification_awards(
        &self,
        request: Request<ListCertificationAwardsRequest>,
    ) -> Result<Response<ListCertificationAwardsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCertificationAwards", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut awards = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut awards, |a| vec![names::last(&a.name).to_owned()]);
                let certification_awards = awards.into_iter().map(|a| judged(a, cx.now)).collect();
                Ok(ListCertificationAwardsResponse { certification_awards, next_page_token })
            }
            .await,
        )
    }
}
