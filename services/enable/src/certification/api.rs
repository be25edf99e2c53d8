use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::enable::v1::{
    Certification, CreateCertificationRequest, GetCertificationRequest, ListCertificationsRequest, ListCertificationsResponse,
    certification_service_server::CertificationService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl CertificationService for Api {
    async fn create_certification(&self, request: Request<CreateCertificationRequest>) -> Result<Response<Certification>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_certification(&self, request: Request<GetCertificationRequest>) -> Result<Response<Certification>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "certifications", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_certifications(
        &self,
        request: Request<ListCertificationsRequest>,
    ) -> Result<Response<ListCertificationsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListCertifications", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut certifications = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut certifications, |c| vec![names::last(&c.name).to_owned()]);
                Ok(ListCertificationsResponse { certifications, next_page_token })
            }
            .await,
        )
    }
}
