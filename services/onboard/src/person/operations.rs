//! What happens to persons by command.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Reach, Result, etag, ids, names};
use stoa_proto::onboard::v1::{CreatePersonRequest, DeletePersonRequest, DeletePersonResponse, Person, PersonCreated, PersonErased};
use stoa_store::Tx;

use super::{new, reference, store};
use crate::{partner, scope::require_writer};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreatePersonRequest) -> Result<Person> {
    let id = ids::chosen_or_new("person_id", &request.person_id)?;
    let input = request.person.clone().unwrap_or_default();
    let person = new(&id, &input, employer(tx, cx, &input.partner).await?, cx);
    store::insert(tx, cx, &person).await?;
    let fact = Fact::new(&person.name, 1).partner(&person.partner);
    // The log has the first version of a person who was erased: facts name that
    // one, so that the id is nobody else's.
    match stoa_events::append(tx, cx, fact, &PersonCreated { person: Some(reference(&person)) }).await {
        Err(e) if e.reason() == "ETAG_MISMATCH" => Err(Error::already_exists(&person.name)),
        done => done.map(|_| person),
    }
}

/// Name of the partner that a new person works for; empty for the vendor's own.
async fn employer(tx: &Tx, cx: &Cx, named: &str) -> Result<String> {
    if cx.caller.reach == Reach::Tenant && named.is_empty() {
        return Ok(String::new());
    }
    let id = cx.partner_for_write("person.partner", names::optional_id("person.partner", "partners", named)?)?;
    let name = names::name("partners", &id);
    partner::store::find(tx.conn(), cx, &id).await?.ok_or_else(|| Error::reference_not_found("person.partner", &name))?;
    require_writer(tx.conn(), cx, &name, &id).await?;
    Ok(name)
}

pub(super) async fn delete(tx: &Tx, cx: &Cx, request: &DeletePersonRequest) -> Result<DeletePersonResponse> {
    let id = names::id("name", "persons", &request.name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
    require_writer(tx.conn(), cx, &request.name, names::last(&current.partner)).await?;
    let version = etag::version(&current.etag);
    etag::check(&request.name, &request.etag, version)?;
    store::delete(tx, cx, id).await?;
    let fact = Fact::new(&current.name, version + 1).partner(&current.partner);
    stoa_events::append(tx, cx, fact, &PersonErased { person: Some(reference(&current)) }).await?;
    Ok(DeletePersonResponse {})
}
