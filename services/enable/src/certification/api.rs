use stoa_kernel::Result;
use stoa_proto::enable::v1::{
    Certification, CreateCertificationRequest, GetCertificationRequest, ListCertificationsRequest, ListCertificationsResponse,
    certification_service_server::CertificationService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Certifications};
use crate::Api;

#[tonic::async_trait]
impl CertificationService for Api {
    async fn create_certification(&self, request: Request<CreateCertificationRequest>) -> Result<Response<Certification>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_certification(&self, request: Request<GetCertificationRequest>) -> Result<Response<Certification>, Status> {
        get::<Certifications>(&self.deps, request).await
    }

    async fn list_certifications(
        &self,
        request: Request<ListCertificationsRequest>,
    ) -> Result<Response<ListCertificationsResponse>, Status> {
        list::<Certifications, _>(&self.deps, request).await
    }
}
