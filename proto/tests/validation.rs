//! What the annotations refuse, and how the refusal reads.

use stoa_proto::{
    common::v1::Money,
    onboard::v1::{CreateProgramRequest, CreateTierRequest, Program, Tier, UpdateProgramRequest},
    validate::{Violation, check_bytes, violations},
};
use tonic_types::StatusExt;

fn field(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|v| v.field.as_str()).collect()
}

#[test]
fn a_sound_message_passes() {
    let program = Program { display_name: "Gold".into(), ..Default::default() };
    assert_eq!(violations(&CreateProgramRequest { program: Some(program), ..Default::default() }), []);
}

#[test]
fn every_broken_field_is_named_with_its_path() {
    let request = CreateProgramRequest {
        program_id: "Not An Id".into(),
        program: Some(Program { display_name: "x".repeat(201), ..Default::default() }),
        request_id: "r".repeat(101),
    };
    let found = violations(&request);
    assert_eq!(field(&found), ["program_id", "program.display_name", "request_id"]);
    assert_eq!(found[1].message, "must have at most 200 characters, has 201");
}

#[test]
fn a_missing_message_is_required() {
    assert_eq!(field(&violations(&UpdateProgramRequest::default())), ["program"]);
}

#[test]
fn a_partial_update_is_held_to_its_masked_fields() {
    let program = Program { name: "programs/p".into(), description: "x".repeat(4001), ..Default::default() };
    let masked = |path: &str| UpdateProgramRequest {
        program: Some(program.clone()),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
        ..Default::default()
    };
    assert_eq!(field(&violations(&masked("descendants_visible"))), [""; 0]);
    assert_eq!(field(&violations(&masked("description"))), ["program.description"]);
    let whole = UpdateProgramRequest { program: Some(program), ..Default::default() };
    assert_eq!(field(&violations(&whole)), ["program.display_name", "program.description"]);
}

#[test]
fn nested_limits_hold() {
    let money = Money { minor_units: 1, currency_code: "usd".into() };
    let tier = Tier { display_name: "Gold".into(), rank: 101, revenue_threshold: Some(money), ..Default::default() };
    let found = violations(&CreateTierRequest { parent: "programs/p".into(), tier: Some(tier), ..Default::default() });
    assert_eq!(field(&found), ["tier.rank", "tier.revenue_threshold.currency_code"]);
    assert_eq!(found[0].message, "must be at most 100, is 101");
}

#[test]
fn the_status_carries_reason_and_fields() {
    let status = check_bytes("stoa.onboard.v1.UpdateProgramRequest", &[]).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELD");
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "program");
}

#[test]
fn garbage_is_refused() {
    let status = check_bytes("stoa.onboard.v1.UpdateProgramRequest", &[0xff, 0xff]).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_FIELD", "stoa"));
    assert!(status.message().contains("stoa.onboard.v1.UpdateProgramRequest"), "{}", status.message());
}

#[test]
fn a_batch_is_bounded_though_its_rows_are_checked_one_by_one() {
    use stoa_proto::sell::v1::{BatchPushChangesRequest, CrmRow};
    let batch = |count| BatchPushChangesRequest { connector: "crmConnectors/c".into(), rows: vec![CrmRow::default(); count] };
    assert_eq!(violations(&batch(1000)), []);
    assert_eq!(field(&violations(&batch(1001))), ["rows"]);
}
