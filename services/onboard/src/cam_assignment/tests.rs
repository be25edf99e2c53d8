use stoa_proto::onboard::v1::{
    AssignCamRequest, CreatePersonRequest, GetCamAssignmentRequest, Person, cam_assignment_service_server::CamAssignmentService,
    person_service_server::PersonService,
};

use crate::testing::{Bench, occurred, reason};

#[tokio::test]
async fn a_cam_takes_over_from_the_one_that_the_caller_last_read() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    for id in ["ada", "bob"] {
        let person = Some(Person { display_name: id.into(), ..Default::default() });
        let request = CreatePersonRequest { person_id: id.into(), person, ..Default::default() };
        bench.api.create_person(bench.as_vendor(request)).await.unwrap();
    }
    let request = |person: &str, etag: &str| AssignCamRequest {
        partner: "partners/acme".into(),
        person: format!("persons/{person}"),
        etag: etag.into(),
        ..Default::default()
    };
    let assign = async |request| bench.api.assign_cam(bench.as_vendor(request)).await;
    let first = assign(request("ada", "")).await.unwrap().into_inner();
    bench.pass_days(1);
    assert_eq!(assign(request("ada", &first.etag)).await.unwrap().into_inner(), first, "nothing changed");
    let since = bench.in_days(-3);
    let second = assign(AssignCamRequest { assign_time: since, ..request("bob", &first.etag) }).await.unwrap().into_inner();
    assert_eq!((second.person.as_str(), second.etag.as_str()), ("persons/bob", "\"2\""));
    assert_eq!(reason(assign(request("ada", &first.etag)).await), "ETAG_MISMATCH");
    assert_eq!(reason(assign(AssignCamRequest { assign_time: bench.in_days(1), ..request("ada", "") }).await), "TIME_IN_FUTURE");
    assert_eq!(reason(assign(request("nobody", "")).await), "REFERENCE_NOT_FOUND");
    assert_eq!(reason(bench.api.assign_cam(bench.as_partner("acme", request("ada", ""))).await), "SCOPE_EXCEEDED");

    let get = GetCamAssignmentRequest { name: "camAssignments/acme".into() };
    assert_eq!(bench.api.get_cam_assignment(bench.as_partner("acme", get)).await.unwrap().into_inner(), second);
    let events = bench.events().await;
    let assigned: Vec<_> = events.iter().filter(|e| e.subject == "onboard.cam_assignment.assigned").collect();
    assert_eq!((assigned.len(), Some(occurred(assigned[1]).proto())), (2, since));
}
