//! Person: the one place where personal data is kept. Nothing of it enters an
//! event; erasure deletes the row.

mod api;
pub(crate) mod store;

use stoa_kernel::{Cx, Error, Result, ids, names};
use stoa_proto::onboard::v1::{CreatePersonRequest, DeletePersonRequest, DeletePersonResponse, Person};
use stoa_store::Tx;

use crate::partner;

async fn create(tx: &Tx, cx: &Cx, request: &CreatePersonRequest) -> Result<Person> {
    let id = ids::chosen_or_new("person_id", &request.person_id)?;
    let input = request.person.clone().unwrap_or_default();
    let partner = match (&cx.caller.reach, input.partner.as_str()) {
        (stoa_kernel::Reach::Tenant, "") => String::new(),
        (_, named) => cx.partner_for_write("person.partner", names::optional_id("person.partner", "partners", named)?)?,
    };
    let partner = if partner.is_empty() { partner } else { names::name("partners", &partner) };
    if !partner.is_empty() {
        let found = partner::store::find(tx.conn(), cx, names::last(&partner)).await?;
        found.ok_or_else(|| Error::reference_not_found("person.partner", &partner))?;
    }
    let person = Person { name: names::name("persons", &id), partner, create_time: Some(cx.now.proto()), ..input };
    store::insert(tx, cx, &person).await?;
    Ok(person)
}

async fn delete(tx: &Tx, cx: &Cx, request: &DeletePersonRequest) -> Result<DeletePersonResponse> {
    let id = names::id("name", "persons", &request.name)?;
    if store::delete(tx, cx, id).await? { Ok(DeletePersonResponse {}) } else { Err(Error::not_found(&request.name)) }
}
