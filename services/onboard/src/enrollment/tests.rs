use prost::Message;
use stoa_kernel::{Cx, Reach, etag};
use stoa_proto::onboard::v1::{
    AssignTierRequest, AuthorizeProductLinesRequest, BulkEnrollOutcome as Outcome, CreateEnrollmentRequest, GetEnrollmentRequest,
    GetOnboardingPlanRequest, ListEnrollmentsRequest, ReactivateEnrollmentRequest, SuspendEnrollmentRequest, TerminateEnrollmentRequest,
    enrollment_service_server::EnrollmentService, onboarding_plan_service_server::OnboardingPlanService,
};
use stoa_store::{Tx, documents};
use tonic::Code;

use super::{store::Enrollments, *};
use crate::testing::{Bench, occurred, reason};

const COMMANDS: [Command; 4] = [Command::Suspend, Command::Reactivate, Command::Terminate, Command::Lapse];

/// The status that each command, in the order above, leads to from each status.
const LEADS_TO: [(Status, [Option<Status>; 4]); 4] = [
    (Enrolled, [Some(Suspended), None, Some(Terminated), Some(Lapsed)]),
    (Suspended, [None, Some(Enrolled), Some(Terminated), Some(Lapsed)]),
    (Terminated, [None; 4]),
    (Lapsed, [None; 4]),
];

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn enrollment(status: Status) -> Enrollment {
    Enrollment {
        name: "enrollments/e".into(),
        tier: "programs/p/tiers/entry".into(),
        status: status as i32,
        etag: etag::of_version(1),
        ..Default::default()
    }
}

#[test]
fn the_table_is_documented() {
    stoa_testkit::documented(TABLE, include_str!("mod.rs"), "stoa.onboard.v1.EnrollmentStatus");
}

/// Overwrites the row of an enrollment with the given one, without an event.
async fn place(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    documents::save::<Enrollments>(tx, cx, enrollment, enrollment.encode_to_vec(), etag::version(&enrollment.etag)).await
}

#[tokio::test]
async fn rows_and_reads_agree_on_the_status() {
    let bench = Bench::new().await;
    let ends = [None, Some(NOW), Some(NOW.plus_micros(1)), Some(NOW.plus_days(1))];
    let written = LEADS_TO.iter().flat_map(|(status, _)| {
        ends.iter().enumerate().map(|(nth, end)| {
            let id = format!("{}-{nth}", *status as i32);
            let (name, partner) = (format!("enrollments/{id}"), format!("partners/{id}"));
            Enrollment { name, partner, end_time: end.map(Timestamp::proto), ..enrollment(*status) }
        })
    });
    let instants = [NOW.plus_micros(-1), NOW, NOW.plus_micros(1), NOW.plus_micros(2), NOW.plus_days(1)];
    let (cx, written) = (bench.cx(Reach::Tenant), written.collect());
    stoa_testkit::states_agree::<Enrollments, Status>(&bench.deps.store, &cx, ("status", |e| e.status), written, &instants).await;
}

#[test]
fn every_command_follows_the_table_from_every_status() {
    for (status, row) in LEADS_TO {
        for (command, expected) in COMMANDS.into_iter().zip(row) {
            let got = with_next_status(&enrollment(status), command);
            assert_eq!(got.as_ref().ok().map(Enrollment::status), expected, "{status:?} {command:?}");
            assert_eq!(got.err().map(|e| e.reason().as_str()), expected.is_none().then_some("STATE_INVALID"));
        }
        let live = matches!(status, Status::Enrolled | Status::Suspended);
        assert_eq!(tier_pinned(&enrollment(status), "programs/p/tiers/gold", "why", NOW).is_ok(), live);
        assert_eq!(authorized(&enrollment(status), &["productLines/x".into()]).is_ok(), live);
        let over = Enrollment { end_time: Some(NOW.proto()), ..enrollment(status) };
        assert_eq!(lapse_time(&over, NOW).is_some(), live);
        assert_eq!(as_of(over.clone(), NOW).status(), if live { Status::Lapsed } else { status });
        assert_eq!(as_of(over, NOW.plus_micros(-1)).status(), status, "not before its end");
    }
}

/// Makes the call for a command and returns the status that it leads to.
async fn call(bench: &Bench, name: &str, command: Command) -> Result<Status, tonic::Status> {
    let (name, reason) = (name.to_owned(), "why".to_owned());
    let api = &bench.api;
    let answer = match command {
        Command::Suspend => {
            api.suspend_enrollment(bench.as_vendor(SuspendEnrollmentRequest { name, reason, ..Default::default() })).await?
        }
        Command::Reactivate => {
            api.reactivate_enrollment(bench.as_vendor(ReactivateEnrollmentRequest { name, ..Default::default() })).await?
        }
        _ => api.terminate_enrollment(bench.as_vendor(TerminateEnrollmentRequest { name, reason, ..Default::default() })).await?,
    };
    Ok(answer.into_inner().status())
}

#[tokio::test]
async fn every_call_follows_the_table_from_every_status() {
    let bench = Bench::new().await;
    for (status, row) in LEADS_TO {
        for (command, expected) in COMMANDS.into_iter().zip(row).take(3) {
            let current = bench.enroll(&format!("{status:?}-{command:?}").to_lowercase()).await;
            let (name, in_status) = (current.name.clone(), Enrollment { status: status as i32, ..current });
            bench.deps.store.run(&bench.cx(Reach::Tenant), in_status, place).await.unwrap();
            match call(&bench, &name, command).await {
                Ok(got) => assert_eq!(Some(got), expected, "{status:?} {command:?}"),
                Err(error) => {
                    assert_eq!(expected, None, "{status:?} {command:?}");
                    assert_eq!(reason::<()>(Err(error)), "STATE_INVALID");
                }
            }
        }
    }
}

async fn status(bench: &Bench, id: &str) -> Status {
    let request = GetEnrollmentRequest { name: format!("enrollments/{id}") };
    bench.api.get_enrollment(bench.as_vendor(request)).await.unwrap().into_inner().status()
}

async fn listed(bench: &Bench, filter: &str) -> Vec<String> {
    let request = bench.as_vendor(ListEnrollmentsRequest { filter: filter.into(), ..Default::default() });
    let found = bench.api.list_enrollments(request).await.unwrap().into_inner().enrollments;
    found.into_iter().map(|e| e.name).collect()
}

#[tokio::test]
async fn an_enrollment_lapses_at_its_end_time_and_not_with_the_sweep() {
    let bench = Bench::new().await;
    let until = bench.in_days(10);
    let over = || Agreement { expire_time: until, ..Default::default() };
    bench.enroll_by("acme", "", over()).await;
    bench.enroll_by("idle", "", over()).await;
    call(&bench, "enrollments/idle", Command::Suspend).await.unwrap();
    let suspended = suspension(&bench.deps);
    assert!(suspended("t", "idle").await.unwrap());
    bench.pass_days(12);

    assert_eq!(status(&bench, "acme").await, Status::Lapsed);
    assert_eq!(listed(&bench, "status = ENROLLED").await, Vec::<String>::new());
    assert_eq!(listed(&bench, "status = LAPSED").await, ["enrollments/acme", "enrollments/idle"]);
    assert!(!suspended("t", "idle").await.unwrap(), "it is no longer enrolled anywhere");
    for command in [Command::Suspend, Command::Reactivate, Command::Terminate] {
        for id in ["enrollments/acme", "enrollments/idle"] {
            assert_eq!(reason(call(&bench, id, command).await), "STATE_INVALID", "{command:?}");
        }
    }
    let tier = "programs/p/tiers/gold".to_owned();
    let assign = AssignTierRequest { name: "enrollments/acme".into(), tier, reason: "why".into(), ..Default::default() };
    assert_eq!(reason(bench.api.assign_tier(bench.as_vendor(assign)).await), "STATE_INVALID");
    let lines = AuthorizeProductLinesRequest {
        name: "enrollments/acme".into(),
        product_lines: vec!["productLines/x".into()],
        ..Default::default()
    };
    assert_eq!(reason(bench.api.authorize_product_lines(bench.as_vendor(lines)).await), "STATE_INVALID");
    assert_eq!(bench.sweep("enrollment-lapse").await, 2);
    assert_eq!(bench.sweep("enrollment-lapse").await, 0);
    assert_eq!(listed(&bench, "status = LAPSED").await.len(), 2);
}

#[tokio::test]
async fn a_partner_can_be_enrolled_again_before_the_sweep_records_the_lapse() {
    let bench = Bench::new().await;
    let until = bench.in_days(10);
    for id in ["acme", "bulk"] {
        bench.enroll_by(id, "", Agreement { expire_time: until, ..Default::default() }).await;
    }
    let again = async |id: &str| {
        let agreement = bench.signed_agreement(id, Agreement { partner: "partners/acme".into(), ..Default::default() }).await.name;
        let request = CreateEnrollmentRequest { enrollment_id: id.into(), agreement, ..Default::default() };
        bench.api.create_enrollment(bench.as_vendor(request)).await
    };
    bench.pass_days(9);
    assert_eq!(reason(again("early").await), "ALREADY_ENROLLED");
    assert_eq!(bench.bulk(vec![bench.row("bulk")]).await[0].outcome(), Outcome::Unchanged);
    bench.pass_days(3);
    let renewed = again("renewed").await.unwrap().into_inner();
    assert_eq!(renewed.status(), Status::Enrolled);
    let row = bulk_row(&bench, "bulk", "again");
    assert_eq!(bench.bulk(vec![row]).await[0].outcome(), Outcome::Enrolled);

    let lapses: Vec<_> = bench.events().await.into_iter().filter(|e| e.subject == "onboard.enrollment.lapsed").collect();
    assert_eq!(lapses.len(), 2);
    for lapse in lapses {
        assert_eq!(Some(occurred(&lapse).proto()), until);
        assert_eq!(lapse.actor, "services/onboard", "no caller asked for it");
    }
    assert_eq!(bench.sweep("enrollment-lapse").await, 0);
}

fn bulk_row(bench: &Bench, partner: &str, row_id: &str) -> stoa_proto::onboard::v1::BulkEnrollRow {
    stoa_proto::onboard::v1::BulkEnrollRow { row_id: row_id.into(), ..bench.row(partner) }
}

#[tokio::test]
async fn a_tier_is_one_of_the_program_and_pinning_it_again_changes_nothing() {
    let bench = Bench::new().await;
    bench.program("q", false).await;
    let enrolled = bench.enroll("acme").await;
    assert_eq!(enrolled.tier, "programs/p/tiers/entry");
    bench.pass_days(1);
    let assign = async |tier: &str| {
        let request = AssignTierRequest { name: enrolled.name.clone(), tier: tier.into(), reason: "why".into(), ..Default::default() };
        bench.api.assign_tier(bench.as_vendor(request)).await
    };
    assert_eq!(reason(assign("programs/q/tiers/gold").await), "TIER_OF_OTHER_PROGRAM");
    assert_eq!(reason(assign("programs/p/tiers/none").await), "REFERENCE_NOT_FOUND");
    let pinned = assign("programs/p/tiers/entry").await.unwrap().into_inner();
    assert_eq!((pinned.tier_cause(), pinned.tier_time), (TierCause::Pin, enrolled.tier_time), "the tier keeps its time");
    assert_eq!(assign("programs/p/tiers/entry").await.unwrap().into_inner(), pinned);
    let gold = assign("programs/p/tiers/gold").await.unwrap().into_inner();
    assert_eq!(gold.tier_time, Some(bench.now().proto()));
    assert_eq!(bench.subjects().await.iter().filter(|s| *s == "enrollment.tier_assigned").count(), 2);
}

#[tokio::test]
async fn a_program_without_a_tier_enrolls_nobody() {
    let bench = Bench::new().await;
    let program = stoa_proto::onboard::v1::Program { display_name: "E".into(), ..Default::default() };
    let request = stoa_proto::onboard::v1::CreateProgramRequest { program_id: "e".into(), program: Some(program), ..Default::default() };
    use stoa_proto::onboard::v1::program_service_server::ProgramService as _;
    bench.api.create_program(bench.as_vendor(request)).await.unwrap();
    let prospect = bench.prospect("acme").await.name;
    let agreement = bench.signed_agreement("acme", Agreement { prospect, program: "programs/e".into(), ..Default::default() }).await.name;
    let enroll = CreateEnrollmentRequest { agreement, ..Default::default() };
    assert_eq!(reason(bench.api.create_enrollment(bench.as_vendor(enroll)).await), "PROGRAM_WITHOUT_TIER");
}

#[tokio::test]
async fn product_lines_are_authorized_with_the_current_etag() {
    let bench = Bench::new().await;
    let enrolled = bench.enroll("acme").await;
    let authorize = async |lines: &[&str], etag: &str| {
        let request = AuthorizeProductLinesRequest {
            name: enrolled.name.clone(),
            product_lines: lines.iter().map(|l| (*l).to_owned()).collect(),
            etag: etag.into(),
            ..Default::default()
        };
        bench.api.authorize_product_lines(bench.as_vendor(request)).await
    };
    assert_eq!(reason(authorize(&["x"], "").await), "INVALID_FIELD");
    let two = authorize(&["productLines/x", "productLines/y", "productLines/x"], &enrolled.etag).await.unwrap().into_inner();
    assert_eq!(two.product_lines, ["productLines/x", "productLines/y"]);
    assert_eq!(reason(authorize(&[], &enrolled.etag).await), "ETAG_MISMATCH");
    assert_eq!(authorize(&["productLines/x", "productLines/y"], "").await.unwrap().into_inner().etag, two.etag);
    assert_eq!(authorize(&[], &two.etag).await.unwrap().into_inner().product_lines, Vec::<String>::new());
    assert_eq!(bench.subjects().await.iter().filter(|s| *s == "enrollment.product_lines_authorized").count(), 2);
}

#[tokio::test]
async fn a_past_agreement_starts_a_plan_that_counts_from_now_and_history_starts_none() {
    let bench = Bench::new().await;
    let past = bench.in_days(-100);
    let enrolled = bench.enroll_by("acme", "", Agreement { effective_time: past, ..Default::default() }).await;
    assert_eq!((enrolled.effective_time, enrolled.imported), (past, false));
    let plan = async |id: &str| {
        let request = GetOnboardingPlanRequest { name: format!("onboardingPlans/{id}") };
        bench.api.get_onboarding_plan(bench.as_vendor(request)).await
    };
    assert_eq!(plan("acme").await.unwrap().into_inner().start_time, Some(bench.now().proto()));

    let row = |id: &str, days: i64| {
        let mut row = bench.row(id);
        row.effective_time = bench.in_days(days);
        row
    };
    let answers = bench.bulk(vec![row("old", -100), row("new", 0), row("later", 1)]).await;
    let outcomes: Vec<Outcome> = answers.iter().map(|a| a.outcome()).collect();
    assert_eq!(outcomes, [Outcome::Enrolled, Outcome::Enrolled, Outcome::Rejected]);
    assert_eq!(answers[2].errors[0].reason, "TIME_IN_FUTURE");
    let id = |name: &str| name.trim_start_matches("enrollments/").to_owned();
    assert_eq!(plan(&id(&answers[0].enrollment)).await.unwrap_err().code(), Code::NotFound);
    assert!(plan(&id(&answers[1].enrollment)).await.is_ok());
}

#[tokio::test]
async fn an_accepted_row_gets_its_earlier_answer_and_a_refused_row_is_tried_again() {
    let bench = Bench::new().await;
    let good = bench.row("good");
    let mut bad = bench.row("bad");
    bad.partner.as_mut().unwrap().parent = "partners/nobody".into();
    let first = bench.bulk(vec![good.clone(), bad.clone()]).await;
    assert_eq!((first[0].outcome(), first[1].outcome()), (Outcome::Enrolled, Outcome::Rejected));
    assert_eq!(first[1].errors[0].reason, "REFERENCE_NOT_FOUND");

    bench.enroll("nobody").await;
    let second = bench.bulk(vec![good.clone(), bad]).await;
    assert_eq!((second[0].outcome(), second[0].replayed), (Outcome::Enrolled, true));
    assert_eq!((second[1].outcome(), second[1].replayed), (Outcome::Enrolled, false), "its parent exists now");

    let mut changed = good;
    changed.tier = "programs/p/tiers/gold".into();
    let third = bench.bulk(vec![changed, stoa_proto::onboard::v1::BulkEnrollRow::default()]).await;
    assert_eq!(third[0].errors[0].reason, "BULK_ROW_CHANGED");
    assert_eq!(third[1].errors[0].reason, "INVALID_FIELD");
}

#[tokio::test]
async fn a_suspended_partner_stays_enrolled_until_it_is_terminated() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    let suspended = suspension(&bench.deps);
    assert!(!suspended("t", "acme").await.unwrap());
    call(&bench, "enrollments/acme", Command::Suspend).await.unwrap();
    assert!(suspended("t", "acme").await.unwrap());
    assert!(!suspended("u", "acme").await.unwrap());
    call(&bench, "enrollments/acme", Command::Reactivate).await.unwrap();
    assert!(!suspended("t", "acme").await.unwrap());
    call(&bench, "enrollments/acme", Command::Terminate).await.unwrap();
    assert_eq!(listed(&bench, "status = TERMINATED").await, ["enrollments/acme"]);
    let subjects = bench.subjects().await;
    assert!(subjects.ends_with(&["agreement.ended".into(), "onboarding_plan.ended".into(), "enrollment.terminated".into()]));
}

#[tokio::test]
async fn an_enrollment_is_changed_by_callers_that_may_write_for_its_partner() {
    let bench = Bench::new().await;
    bench.program("open", true).await;
    bench.enroll("distributor").await;
    bench.enroll_by("dealer", "distributor", Agreement { program: "programs/open".into(), ..Default::default() }).await;
    bench.assign("cam", "dealer").await;
    let suspend = |id: &str| SuspendEnrollmentRequest { name: format!("enrollments/{id}"), reason: "why".into(), ..Default::default() };
    let refused = bench.api.suspend_enrollment(bench.as_partner("distributor", suspend("dealer"))).await;
    assert_eq!(reason(refused), "SCOPE_EXCEEDED");
    assert_eq!(reason(bench.api.suspend_enrollment(bench.as_cam("cam", suspend("distributor"))).await), "PARTNER_NOT_ASSIGNED");
    assert_eq!(bench.api.suspend_enrollment(bench.as_stranger(suspend("dealer"))).await.unwrap_err().code(), Code::NotFound);
    assert!(bench.api.suspend_enrollment(bench.as_cam("cam", suspend("dealer"))).await.is_ok());
}
