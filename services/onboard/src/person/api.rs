use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    CreatePersonRequest, DeletePersonRequest, DeletePersonResponse, GetPersonRequest, ListPersonsRequest, ListPersonsResponse, Person,
    person_service_server::PersonService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl PersonService for Api {
    async fn create_person(&self, request: Request<CreatePersonRequest>) -> Result<Response<Person>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_person(&self, request: Request<GetPersonRequest>) -> Result<Response<Person>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "persons", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_persons(&self, request: Request<ListPersonsRequest>) -> Result<Response<ListPersonsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let page = Page::read(&self.deps.page_key, &cx, &["ListPersons"], request.page_size, &request.page_token)?;
                let mut persons = store::list(self.deps.store.read(), &cx, &page).await?;
                let next_page_token = page.cut(&mut persons, |p| vec![names::last(&p.name).to_owned()]);
                Ok(ListPersonsResponse { persons, next_page_token })
            }
            .await,
        )
    }

    async fn delete_person(&self, request: Request<DeletePersonRequest>) -> Result<Response<DeletePersonResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::delete(tx, cx, request).boxed()).await)
    }
}
