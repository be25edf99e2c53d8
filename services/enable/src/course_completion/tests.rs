use stoa_proto::enable::v1::{
    Course, CourseCompletion, CourseCompletionRecorded, CreateCourseRequest, GetCourseCompletionRequest, ListCourseCompletionsRequest,
    RecordCourseCompletionRequest, UpdateCourseRequest, course_completion_service_server::CourseCompletionService,
    course_service_server::CourseService,
};
use tonic::Code;

use super::*;
use crate::testing::{Bench, NOT_ENROLLED, bench, occurred, reason};

#[test]
fn the_requested_version_must_exist() {
    let course = Course { version: 2, ..Course::default() };
    assert_eq!(version(&course, 0).unwrap(), 2);
    assert_eq!(version(&course, 1).unwrap(), 1);
    assert_eq!(version(&course, 3).unwrap_err().reason(), "COURSE_VERSION_UNKNOWN");
}

#[test]
fn ids_differ_by_partner_person_course_and_version() {
    assert_eq!(id("a", "p", "c", 1), id("a", "p", "c", 1));
    let all = [id("a", "p", "c", 1), id("b", "p", "c", 1), id("a", "q", "c", 1), id("a", "p", "d", 1), id("a", "p", "c", 2)];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
}

fn completion(partner: &str, person: &str) -> RecordCourseCompletionRequest {
    RecordCourseCompletionRequest {
        partner: partner.to_owned(),
        person: format!("persons/{person}"),
        course: "courses/intro".into(),
        ..RecordCourseCompletionRequest::default()
    }
}

async fn with_course() -> Bench {
    let bench = bench().await;
    let course = Course { display_name: "Intro".into(), product_line: "productLines/storage".into(), ..Course::default() };
    let request = CreateCourseRequest { course_id: "intro".into(), course: Some(course), request_id: "r".into() };
    let first = bench.api.create_course(bench.as_vendor(request.clone())).await.unwrap().into_inner();
    let again = bench.api.create_course(bench.as_vendor(request)).await.unwrap().into_inner();
    assert_eq!(first, again, "a retry returns the first answer");
    bench
}

async fn record(bench: &Bench, request: RecordCourseCompletionRequest) -> CourseCompletion {
    bench.api.record_course_completion(bench.as_vendor(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_completion_is_recorded_once_per_person_course_and_version() {
    let bench = with_course().await;
    let past = RecordCourseCompletionRequest { complete_time: bench.in_days(-3), ..completion("partners/acme", "ada") };
    let first = record(&bench, past).await;
    assert_eq!(first.product_line, "productLines/storage");
    assert_eq!(record(&bench, completion("partners/acme", "ada")).await, first, "the first record stays");
    record(&bench, completion("partners/acme", "bob")).await;
    let newer = Course { name: "courses/intro".into(), display_name: "Intro".into(), version: 2, ..Course::default() };
    let update = UpdateCourseRequest {
        course: Some(newer),
        update_mask: Some(prost_types::FieldMask { paths: vec!["version".into()] }),
        request_id: String::new(),
    };
    bench.api.update_course(bench.as_vendor(update)).await.unwrap();
    assert_eq!(record(&bench, completion("partners/acme", "ada")).await.course_version, 2);

    let recorded = "course_completion.recorded";
    assert_eq!(bench.subjects().await, ["course.created", recorded, recorded, "course.updated", recorded]);
    let event = &bench.events().await[1];
    assert_eq!(occurred(event), bench.now().plus_days(-3));
    assert_eq!((event.partner.as_str(), event.version), ("partners/acme", 1));
    let carried: CourseCompletionRecorded = stoa_events::decode(event).unwrap();
    assert_eq!(carried.course_completion, Some(first));
}

#[tokio::test]
async fn two_concurrent_records_both_return_the_first() {
    let bench = with_course().await;
    let (a, b) = tokio::join!(
        record(&bench, RecordCourseCompletionRequest { complete_time: bench.in_days(-2), ..completion("partners/acme", "ada") }),
        record(&bench, RecordCourseCompletionRequest { complete_time: bench.in_days(-1), ..completion("partners/acme", "ada") })
    );
    assert_eq!(a, b);
    assert_eq!(bench.subjects().await, ["course.created", "course_completion.recorded"]);
}

#[tokio::test]
async fn impossible_completions_are_refused_and_change_nothing() {
    let bench = with_course().await;
    let refused = [
        ("REFERENCE_NOT_FOUND", RecordCourseCompletionRequest { course: "courses/none".into(), ..completion("partners/acme", "ada") }),
        ("COURSE_VERSION_UNKNOWN", RecordCourseCompletionRequest { course_version: 2, ..completion("partners/acme", "ada") }),
        ("TIME_IN_FUTURE", RecordCourseCompletionRequest { complete_time: bench.in_days(1), ..completion("partners/acme", "ada") }),
        ("INVALID_FIELD", RecordCourseCompletionRequest { person: "ada".into(), ..completion("partners/acme", "ada") }),
        ("INVALID_FIELD", completion("", "ada")),
        ("UNAVAILABLE", completion("partners/unknown", "ada")),
    ];
    for (wanted, request) in refused {
        assert_eq!(reason(bench.api.record_course_completion(bench.as_vendor(request.clone())).await), wanted, "{request:?}");
    }
    assert_eq!(bench.subjects().await, ["course.created"]);
}

#[tokio::test]
async fn a_partner_records_for_itself_and_sees_itself_and_its_descendants() {
    let bench = with_course().await;
    let own = bench.api.record_course_completion(bench.as_partner("acme", completion("", "ada"))).await.unwrap().into_inner();
    assert_eq!(own.partner, "partners/acme");
    let below = record(&bench, completion("partners/below", "bob")).await;
    let other = record(&bench, completion("partners/other", "eve")).await;
    for named in ["partners/other", "partners/below"] {
        assert_eq!(reason(bench.api.record_course_completion(bench.as_partner("acme", completion(named, "x"))).await), "SCOPE_EXCEEDED");
    }
    let same_person = bench.api.record_course_completion(bench.as_partner("acme", completion("", "eve"))).await.unwrap().into_inner();
    assert_eq!(same_person.partner, "partners/acme", "another partner's record of the person does not matter");
    assert_ne!(same_person.name, other.name);

    let get = |name: &str| GetCourseCompletionRequest { name: name.to_owned() };
    assert!(bench.api.get_course_completion(bench.as_partner("acme", get(&below.name))).await.is_ok());
    let hidden = bench.api.get_course_completion(bench.as_partner("acme", get(&other.name))).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    assert_eq!(bench.api.get_course_completion(bench.as_stranger(get(&own.name))).await.unwrap_err().code(), Code::NotFound);

    let listed = |filter: &str| ListCourseCompletionsRequest { filter: filter.to_owned(), ..ListCourseCompletionsRequest::default() };
    let all = bench.api.list_course_completions(bench.as_partner("acme", listed(""))).await.unwrap().into_inner().course_completions;
    assert_eq!(all.len(), 3);
    let filter = "person = \"persons/bob\" AND product_line = \"productLines/storage\"";
    let some = bench.api.list_course_completions(bench.as_partner("acme", listed(filter))).await.unwrap().into_inner().course_completions;
    assert_eq!(some, [below]);
}

#[tokio::test]
async fn a_partner_records_only_while_enrolled_and_the_vendor_records_history() {
    let bench = with_course().await;
    let refused = bench.api.record_course_completion(bench.as_partner("idle", completion("", "ada"))).await;
    assert_eq!(reason(refused), NOT_ENROLLED);
    let past = RecordCourseCompletionRequest { complete_time: bench.in_days(-90), ..completion("partners/idle", "ada") };
    assert_eq!(record(&bench, past).await.partner, "partners/idle");
}

#[tokio::test]
async fn a_retry_gets_its_first_answer_even_if_the_partner_was_suspended_since() {
    let bench = with_course().await;
    let request = RecordCourseCompletionRequest { request_id: "once".into(), ..completion("", "ada") };
    let first = bench.api.record_course_completion(bench.as_partner("acme", request.clone())).await.unwrap().into_inner();
    bench.suspend("acme").await;
    let again = bench.api.record_course_completion(bench.as_partner("acme", request.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    let next = RecordCourseCompletionRequest { request_id: "twice".into(), ..request };
    assert_eq!(reason(bench.api.record_course_completion(bench.as_partner("acme", next)).await), NOT_ENROLLED);
}
