use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    CreatePersonRequest, DeletePersonRequest, DeletePersonResponse, GetPersonRequest, ListPersonsRequest, ListPersonsResponse, Person,
    person_service_server::PersonService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::Persons};
use crate::Api;

#[tonic::async_trait]
impl PersonService for Api {
    async fn create_person(&self, request: Request<CreatePersonRequest>) -> Result<Response<Person>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_person(&self, request: Request<GetPersonRequest>) -> Result<Response<Person>, Status> {
        get::<Persons>(&self.deps, request).await
    }

    async fn list_persons(&self, request: Request<ListPersonsRequest>) -> Result<Response<ListPersonsResponse>, Status> {
        list::<Persons, _>(&self.deps, request).await
    }

    async fn delete_person(&self, request: Request<DeletePersonRequest>) -> Result<Response<DeletePersonResponse>, Status> {
        write(&self.deps, request, operations::delete).await
    }
}
