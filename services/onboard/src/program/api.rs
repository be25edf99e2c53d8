use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    CreateProgramRequest, GetProgramRequest, ListProgramsRequest, ListProgramsResponse, Program, UpdateProgramRequest,
    program_service_server::ProgramService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl ProgramService for Api {
    async fn create_program(&self, request: Request<CreateProgramRequest>) -> Result<Response<Program>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_program(&self, request: Request<GetProgramRequest>) -> Result<Response<Program>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "programs", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_programs(&self, request: Request<ListProgramsRequest>) -> Result<Response<ListProgramsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let page = Page::read(&self.deps.page_key, &cx, &["ListPrograms"], request.page_size, &request.page_token)?;
                let mut programs = store::list(self.deps.store.read(), &cx, &page).await?;
                let next_page_token = page.cut(&mut programs, |p| vec![names::last(&p.name).to_owned()]);
                Ok(ListProgramsResponse { programs, next_page_token })
            }
            .await,
        )
    }

    async fn update_program(&self, request: Request<UpdateProgramRequest>) -> Result<Response<Program>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }
}
