use stoa_proto::onboard::v1::{
    CreateProgramRequest, GetProgramRequest, ListProgramsRequest, Program, UpdateProgramRequest, program_service_server::ProgramService,
};
use tonic::Code;

use crate::testing::{Bench, reason};

#[tokio::test]
async fn a_program_is_created_once_and_changed_with_its_current_etag() {
    let bench = Bench::new().await;
    let create = |display_name: &str| CreateProgramRequest {
        program_id: "q".into(),
        program: Some(Program { display_name: display_name.into(), ..Default::default() }),
        request_id: "r".into(),
    };
    let program = bench.api.create_program(bench.as_vendor(create("Q"))).await.unwrap().into_inner();
    let again = bench.api.create_program(bench.as_vendor(create("Q"))).await.unwrap().into_inner();
    assert_eq!(program, again, "a retry returns the first answer");
    assert_eq!(reason(bench.api.create_program(bench.as_vendor(create("other"))).await), "REQUEST_ID_REUSED");

    let update = async |description: &str, etag: &str| {
        let input = Program { name: "programs/q".into(), description: description.into(), etag: etag.into(), ..Default::default() };
        bench.api.update_program(bench.as_vendor(UpdateProgramRequest { program: Some(input), ..Default::default() })).await
    };
    let changed = update("new", &program.etag).await.unwrap().into_inner();
    assert_eq!((changed.description.as_str(), changed.display_name.as_str()), ("new", "Q"));
    assert_eq!(reason(update("newer", &program.etag).await), "ETAG_MISMATCH");
    assert_eq!(update("new", "").await.unwrap().into_inner().etag, changed.etag, "no change, no version");
    assert_eq!(bench.subjects().await.iter().filter(|s| *s == "program.updated").count(), 1);
}

#[tokio::test]
async fn programs_are_the_tenants_own() {
    let bench = Bench::new().await;
    let hidden = bench.api.get_program(bench.as_stranger(GetProgramRequest { name: "programs/p".into() })).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    let listed = bench.api.list_programs(bench.as_stranger(ListProgramsRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.programs, []);
}
