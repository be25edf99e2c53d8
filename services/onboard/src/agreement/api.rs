use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    Agreement, CancelAgreementRequest, CreateAgreementRequest, DeclineAgreementRequest, GetAgreementRequest, ListAgreementsRequest,
    ListAgreementsResponse, SendAgreementRequest, SignAgreementRequest, agreement_service_server::AgreementService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Agreements};
use crate::Api;

#[tonic::async_trait]
impl AgreementService for Api {
    async fn create_agreement(&self, request: Request<CreateAgreementRequest>) -> Result<Response<Agreement>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_agreement(&self, request: Request<GetAgreementRequest>) -> Result<Response<Agreement>, Status> {
        get::<Agreements>(&self.deps, request).await
    }

    async fn list_agreements(&self, request: Request<ListAgreementsRequest>) -> Result<Response<ListAgreementsResponse>, Status> {
        list::<Agreements, _>(&self.deps, request).await
    }

    async fn send_agreement(&self, request: Request<SendAgreementRequest>) -> Result<Response<Agreement>, Status> {
        write(&self.deps, request, operations::send).await
    }

    async fn sign_agreement(&self, request: Request<SignAgreementRequest>) -> Result<Response<Agreement>, Status> {
        write(&self.deps, request, operations::sign).await
    }

    async fn decline_agreement(&self, request: Request<DeclineAgreementRequest>) -> Result<Response<Agreement>, Status> {
        write(&self.deps, request, operations::decline).await
    }

    async fn cancel_agreement(&self, request: Request<CancelAgreementRequest>) -> Result<Response<Agreement>, Status> {
        write(&self.deps, request, operations::cancel).await
    }
}
