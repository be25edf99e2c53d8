use stoa_kernel::Result;
use stoa_proto::enable::v1::{
    AwardCertificationRequest, CertificationAward, GetCertificationAwardRequest, ListCertificationAwardsRequest,
    ListCertificationAwardsResponse, RevokeCertificationAwardRequest, certification_award_service_server::CertificationAwardService,
};
use stoa_service::{get, list, write, write_with};
use tonic::{Request, Response, Status};

use super::{lookup, operations, store::Awards};
use crate::Api;

#[tonic::async_trait]
impl CertificationAwardService for Api {
    async fn award_certification(&self, request: Request<AwardCertificationRequest>) -> Result<Response<CertificationAward>, Status> {
        write_with(&self.deps, request, lookup::partner, operations::award).await
    }

    async fn revoke_certification_award(
        &self,
        request: Request<RevokeCertificationAwardRequest>,
    ) -> Result<Response<CertificationAward>, Status> {
        write(&self.deps, request, operations::revoke).await
    }

    async fn get_certification_award(
        &self,
        request: Request<GetCertificationAwardRequest>,
    ) -> Result<Response<CertificationAward>, Status> {
        get::<Awards>(&self.deps, request).await
    }

    async fn list_certification_awards(
        &self,
        request: Request<ListCertificationAwardsRequest>,
    ) -> Result<Response<ListCertificationAwardsResponse>, Status> {
        list::<Awards, _>(&self.deps, request).await
    }
}
