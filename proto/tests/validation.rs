//! What the annotations reject, and what the error says.

use prost_types::FieldMask;
use stoa_proto::{
    common::v1::Money,
    incentivize::v1::SubmitMdfClaimRequest,
    onboard::v1::{CreateProgramRequest, CreateTierRequest, Program, Prospect, Tier, UpdateProgramRequest, UpdateProspectRequest},
    sell::v1::{
        CreateCrmConnectorRequest, CreateDealRequest, Credit, CrmConnector, CrmProductRule, CrmStageRule, Customer, Deal, ListDealsRequest,
        UpdateDealRequest,
    },
    validate::{Violation, check_bytes, violations},
};
use tonic_types::StatusExt;

fn fields(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|v| v.field.as_str()).collect()
}

#[test]
fn a_valid_message_passes() {
    let program = Program { display_name: "Gold".into(), ..Default::default() };
    assert_eq!(violations(&CreateProgramRequest { program: Some(program), ..Default::default() }), []);
}

#[test]
fn every_invalid_field_is_named_by_its_path() {
    let request = CreateProgramRequest {
        program_id: "Not An Id".into(),
        program: Some(Program { display_name: "x".repeat(201), ..Default::default() }),
        request_id: "r".repeat(101),
    };
    let found = violations(&request);
    assert_eq!(fields(&found), ["program_id", "program.display_name", "request_id"]);
    assert_eq!(found[1].message, "must have at most 200 characters, not 201");
}

#[test]
fn no_string_holds_characters_that_a_store_or_a_document_cannot_hold() {
    let with = |c: char| {
        let deal = Deal {
            display_name: format!("a{c}"),
            customer: Some(Customer { domain: c.to_string(), ..Default::default() }),
            ..Default::default()
        };
        violations(&CreateDealRequest { deal: Some(deal), ..Default::default() })
    };
    let refused = ('\0'..' ').filter(|c| !['\t', '\n', '\r'].contains(c)).chain(['\u{fffe}', '\u{ffff}']);
    for c in refused {
        assert_eq!(fields(&with(c)), ["deal.display_name", "deal.customer.domain"], "{c:?}");
    }
    assert_eq!(
        with('\0')[0].message,
        "must not contain U+0000. Of the characters below U+0020, only tab, line feed and carriage return are text."
    );
    for c in ['\t', '\n', '\r', ' ', '\u{7f}', '\u{fffd}', 'ü', '\u{10ffff}'] {
        assert_eq!(with(c), [], "{c:?}");
    }
    let proofs =
        SubmitMdfClaimRequest { name: "mdfClaims/c".into(), proof_references: vec!["a".into(), "\0".into()], ..Default::default() };
    assert_eq!(fields(&violations(&proofs)), ["proof_references[1]"]);
    let list = ListDealsRequest { filter: "display_name = \"\0\"".into(), page_token: "\0".into(), ..Default::default() };
    assert_eq!(fields(&violations(&list)), ["page_token", "filter"], "a field that no rule limits is checked as well");
}

#[test]
fn a_missing_message_is_required() {
    assert_eq!(fields(&violations(&UpdateProgramRequest::default())), ["program"]);
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

#[test]
fn only_the_masked_fields_of_an_update_are_validated() {
    let program = Program { name: "programs/p".into(), description: "x".repeat(4001), ..Default::default() };
    let masked = |update_mask| UpdateProgramRequest { program: Some(program.clone()), update_mask, ..Default::default() };
    assert_eq!(fields(&violations(&masked(mask(&["descendants_visible"])))), [""; 0]);
    assert_eq!(fields(&violations(&masked(mask(&["description"])))), ["program.description"]);
    assert_eq!(fields(&violations(&masked(mask(&["description", "*"])))), ["program.display_name", "program.description"]);
    // Without a mask, an update covers the populated fields.
    assert_eq!(fields(&violations(&masked(None))), ["program.description"]);
    assert_eq!(fields(&violations(&masked(mask(&[])))), ["program.description"]);
}

type Breakage = (&'static str, fn(&mut Prospect));

/// Fields of a prospect, and a change that makes each invalid.
const BREAKAGES: [Breakage; 5] = [
    ("display_name", |p| p.display_name = "x".repeat(201)),
    ("domain", |p| p.domain = "x".repeat(254)),
    ("country_code", |p| p.country_code = "usd".into()),
    ("territory", |p| p.territory = "x".repeat(101)),
    ("source", |p| p.source = "x".repeat(201)),
];

#[test]
fn every_mask_finds_exactly_its_invalid_fields() {
    let chosen = |bits: usize| (0..BREAKAGES.len()).filter(move |i| bits & (1 << i) != 0);
    for (broken, masked) in (0..32).flat_map(|broken| (0..32).map(move |masked| (broken, masked))) {
        let mut prospect = Prospect { name: "n".repeat(101), etag: "e".repeat(101), ..Default::default() };
        chosen(broken).for_each(|i| BREAKAGES[i].1(&mut prospect));
        let paths: Vec<&str> = chosen(masked).map(|i| BREAKAGES[i].0).collect();
        let request = UpdateProspectRequest { prospect: Some(prospect), update_mask: mask(&paths), request_id: "r".repeat(101) };
        // A display_name that is masked but empty is also invalid.
        let counts =
            |i: &usize| if masked == 0 { broken & (1 << i) != 0 } else { masked & (1 << i) != 0 && (broken & (1 << i) != 0 || *i == 0) };
        let invalid = (0..BREAKAGES.len()).filter(counts).map(|i| format!("prospect.{}", BREAKAGES[i].0));
        let mut expected: Vec<String> = invalid.chain(["prospect.name".into(), "prospect.etag".into(), "request_id".into()]).collect();
        let mut found: Vec<String> = violations(&request).into_iter().map(|v| v.field).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "broken {broken:05b}, masked {masked:05b}");
    }
}

#[test]
fn unmasked_fields_hide_no_violation() {
    let deal = Deal {
        name: "deals/d".into(),
        credits: vec![Credit::default(); 20],
        customer: Some(Customer { display_name: "x".repeat(300), country_code: "not a country".into(), ..Default::default() }),
        close_date: "2026-01-01T00:00:00Z".into(),
        kind: 77,
        ..Default::default()
    };
    let masked = |paths: &[&str]| UpdateDealRequest { deal: Some(deal.clone()), update_mask: mask(paths), ..Default::default() };
    let found = violations(&masked(&["customer", "close_date", "kind"]));
    assert_eq!(fields(&found), ["deal.customer.display_name", "deal.customer.country_code", "deal.close_date", "deal.kind"]);
    assert_eq!(violations(&masked(&["display_name"])), []);
    assert_eq!(violations(&masked(&["credits"])).len(), 20);
    assert_eq!(violations(&masked(&[])).len(), 20);
}

#[test]
fn the_items_of_a_list_that_is_too_long_are_not_validated() {
    let proofs = SubmitMdfClaimRequest { proof_references: vec![String::new(); 200_000], ..Default::default() };
    assert_eq!(fields(&violations(&proofs)), ["name", "proof_references"]);
    let deal = Deal { credits: vec![Credit::default(); 200_000], ..Default::default() };
    let found = violations(&CreateDealRequest { deal: Some(deal), ..Default::default() });
    assert_eq!(fields(&found), ["deal.credits"]);
}

#[test]
fn validation_stops_at_the_maximum_number_of_violations() {
    let connector = CrmConnector {
        display_name: "CRM".into(),
        currency_code: "USD".into(),
        product_map: vec![CrmProductRule::default(); 1000],
        stage_map: vec![CrmStageRule::default(); 100],
        ..Default::default()
    };
    let found = violations(&CreateCrmConnectorRequest { crm_connector: Some(connector), ..Default::default() });
    let pair = |i| [format!("crm_connector.product_map[{i}].remote_product"), format!("crm_connector.product_map[{i}].product_line")];
    assert_eq!(fields(&found), (0..10).flat_map(pair).collect::<Vec<_>>());
    let proofs = SubmitMdfClaimRequest { proof_references: vec![String::new(); 20], ..Default::default() };
    let items = (0..19).map(|i| format!("proof_references[{i}]"));
    assert_eq!(fields(&violations(&proofs)), ["name".to_owned()].into_iter().chain(items).collect::<Vec<_>>());
}

#[test]
fn nested_limits_hold() {
    let money = Money { minor_units: 1, currency_code: "usd".into() };
    let tier = Tier { display_name: "Gold".into(), rank: 101, revenue_threshold: Some(money), ..Default::default() };
    let found = violations(&CreateTierRequest { parent: "programs/p".into(), tier: Some(tier), ..Default::default() });
    assert_eq!(fields(&found), ["tier.rank", "tier.revenue_threshold.currency_code"]);
    assert_eq!(found[0].message, "must be at most 100, not 101");
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
fn garbage_is_rejected() {
    let status = check_bytes("stoa.onboard.v1.UpdateProgramRequest", &[0xff, 0xff]).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_FIELD", "stoa"));
    assert!(status.message().contains("stoa.onboard.v1.UpdateProgramRequest"), "{}", status.message());
}

#[test]
fn a_batch_is_limited_although_its_rows_are_validated_one_by_one() {
    use stoa_proto::sell::v1::{BatchPushChangesRequest, CrmRow};
    let batch = |count| BatchPushChangesRequest { connector: "crmConnectors/c".into(), rows: vec![CrmRow::default(); count] };
    assert_eq!(violations(&batch(1000)), []);
    assert_eq!(fields(&violations(&batch(1001))), ["rows"]);
}

#[test]
fn limits_are_listed_in_words() {
    let limits = |message: &str, field: &str| {
        let message = stoa_proto::POOL.get_message_by_name(message).unwrap();
        stoa_proto::validate::limits(&message.get_field_by_name(field).unwrap()).join("; ")
    };
    assert_eq!(limits("stoa.onboard.v1.Tier", "rank"), "1 to 100");
    assert_eq!(limits("stoa.common.v1.Money", "currency_code"), "`^[A-Z]{3}$`");
    assert_eq!(limits("stoa.sell.v1.BatchPushChangesRequest", "rows"), "up to 1000 entries");
    assert_eq!(limits("stoa.onboard.v1.CreateTierRequest", "tier"), "", "required, but of no size");
}
