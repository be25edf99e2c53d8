use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    CreateProgramRequest, GetProgramRequest, ListProgramsRequest, ListProgramsResponse, Program, UpdateProgramRequest,
    program_service_server::ProgramService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Programs};
use crate::Api;

#[tonic::async_trait]
impl ProgramService for Api {
    async fn create_program(&self, request: Request<CreateProgramRequest>) -> Result<Response<Program>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_program(&self, request: Request<GetProgramRequest>) -> Result<Response<Program>, Status> {
        get::<Programs>(&self.deps, request).await
    }

    async fn list_programs(&self, request: Request<ListProgramsRequest>) -> Result<Response<ListProgramsResponse>, Status> {
        list::<Programs, _>(&self.deps, request).await
    }

    async fn update_program(&self, request: Request<UpdateProgramRequest>) -> Result<Response<Program>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
