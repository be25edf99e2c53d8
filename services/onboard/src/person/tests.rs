use prost::Message;
use stoa_proto::onboard::v1::{
    CreatePersonRequest, DeletePersonRequest, GetPersonRequest, Person, PersonCreated, PersonErased, PersonReference,
    person_service_server::PersonService,
};
use tonic::Code;

use crate::testing::{Bench, reason};

fn create(id: &str, partner: &str) -> CreatePersonRequest {
    let person = Person { display_name: "Ada".into(), email: "ada@example.com".into(), partner: partner.into(), ..Default::default() };
    CreatePersonRequest { person_id: id.into(), person: Some(person), request_id: "r".into() }
}

#[tokio::test]
async fn an_erased_person_is_left_nowhere() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    let person = bench.api.create_person(bench.as_vendor(create("ada", "partners/acme"))).await.unwrap().into_inner();
    assert_eq!(person.email, "ada@example.com");
    let delete = |etag: &str| DeletePersonRequest { name: person.name.clone(), etag: etag.into(), ..Default::default() };
    assert_eq!(reason(bench.api.delete_person(bench.as_vendor(delete("\"2\""))).await), "ETAG_MISMATCH");
    bench.api.delete_person(bench.as_vendor(delete(&person.etag))).await.unwrap();

    let gone = bench.api.get_person(bench.as_vendor(GetPersonRequest { name: person.name.clone() })).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    let retry = bench.api.create_person(bench.as_vendor(create("ada", "partners/acme"))).await.unwrap().into_inner();
    assert_eq!((retry.name.as_str(), retry.partner.as_str()), ("persons/ada", "partners/acme"));
    assert!(!format!("{retry:?}").to_lowercase().contains("ada@") && !retry.display_name.contains("Ada"), "{retry:?}");

    let events = bench.events().await;
    let event = |subject: &str| events.iter().find(|e| e.subject == subject).unwrap();
    let created = PersonCreated::decode(event("onboard.person.created").data.as_slice()).unwrap().person.unwrap();
    let erased = PersonErased::decode(event("onboard.person.erased").data.as_slice()).unwrap().person.unwrap();
    let reference = PersonReference { name: "persons/ada".into(), partner: "partners/acme".into() };
    assert_eq!((&created, &erased), (&reference, &reference));
    assert!(events.iter().all(|e| !String::from_utf8_lossy(&e.data).contains("Ada")));

    let reused = without_id(create("ada", ""));
    assert_eq!(reason(bench.api.create_person(bench.as_vendor(reused)).await), "ALREADY_EXISTS", "facts still name the erased person");
}

fn without_id(request: CreatePersonRequest) -> CreatePersonRequest {
    CreatePersonRequest { request_id: String::new(), ..request }
}

#[tokio::test]
async fn a_partner_manages_its_own_people_and_a_cam_those_of_assigned_partners() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    bench.enroll("other").await;
    bench.assign("cam", "acme").await;
    let unnamed = |partner: &str| CreatePersonRequest { person_id: String::new(), ..without_id(create("a", partner)) };
    let own = bench.api.create_person(bench.as_partner("acme", unnamed(""))).await.unwrap().into_inner();
    assert_eq!(own.partner, "partners/acme");
    assert_eq!(reason(bench.api.create_person(bench.as_partner("acme", unnamed("partners/other"))).await), "SCOPE_EXCEEDED");
    assert!(bench.api.create_person(bench.as_cam("cam", create("c", "partners/acme"))).await.is_ok());
    let other = without_id(create("d", "partners/other"));
    assert_eq!(reason(bench.api.create_person(bench.as_cam("cam", other)).await), "PARTNER_NOT_ASSIGNED");
    let unseen = bench.api.get_person(bench.as_partner("other", GetPersonRequest { name: own.name })).await;
    assert_eq!(unseen.unwrap_err().code(), Code::NotFound);
}
