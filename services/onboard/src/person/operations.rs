//! Commands on persons.

use stoa_events::{has_events, record_created, record_erased};
use stoa_kernel::{Cx, Error, Reach, Result, etag, names};
use stoa_proto::onboard::v1::{CreatePersonRequest, DeletePersonRequest, DeletePersonResponse, Person, PersonCreated, PersonErased};
use stoa_store::{Tx, documents};

use super::store::Persons;
use crate::{partner::store::Partners, scope::require_writer};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreatePersonRequest) -> Result<Person> {
    let id = cx.chosen_id("person_id", &request.person_id)?;
    let input = request.person.clone().unwrap_or_default();
    let person = Person { name: names::name("persons", &id), partner: employer(tx, cx, &input.partner).await?, ..input };
    // Facts still name a person who was erased, so the id must not be given to
    // another.
    if !request.person_id.is_empty() && has_events(tx, cx, &person.name).await? {
        return Err(Error::already_exists(&person.name));
    }
    record_created::<Persons, PersonCreated>(tx, cx, person).await
}

/// Returns the name of the partner that a new person works for; empty for the
/// vendor's own people.
async fn employer(tx: &Tx, cx: &Cx, named: &str) -> Result<String> {
    if cx.caller.reach == Reach::Tenant && named.is_empty() {
        return Ok(String::new());
    }
    let id = cx.partner_for_write("person.partner", names::optional_id("person.partner", "partners", named)?)?;
    let name = names::name("partners", &id);
    documents::get_referenced::<Partners, _>(tx.conn(), cx, "person.partner", &name).await?;
    require_writer(tx.conn(), cx, &name, &id).await?;
    Ok(name)
}

pub(super) async fn delete(tx: &Tx, cx: &Cx, request: &DeletePersonRequest) -> Result<DeletePersonResponse> {
    let current = documents::load::<Persons>(tx, cx, "name", &request.name).await?;
    require_writer(tx.conn(), cx, &request.name, names::last(&current.partner)).await?;
    etag::require(&current, &request.etag)?;
    record_erased::<Persons, PersonErased>(tx, cx, &current).await?;
    Ok(DeletePersonResponse {})
}
