use std::collections::BTreeSet;

use prost::Message;
use prost_types::Timestamp as Instant;
use stoa_kernel::Timestamp;
use stoa_proto::{
    common::v1::Money, enable::v1 as enable, incentivize::v1 as incentivize, market::v1 as market, onboard::v1 as onboard, sell::v1 as sell,
};

use super::*;
use crate::fold::SOURCES;

#[expect(clippy::unnecessary_wraps, reason = "message fields are optional")]
fn at(micros: i64) -> Option<Instant> {
    Some(Timestamp::from_micros(micros).proto())
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// The subject and message of an event, and the document that is stored of it.
/// Documents of the first release are in tenants' stores and must never change.
type Stored = (&'static str, Vec<u8>, &'static str);

/// One event per kind.
fn stored() -> Vec<Stored> {
    [onboard_events(), enable_events(), commerce_events()].concat()
}

fn onboard_events() -> Vec<Stored> {
    let settings = onboard::TenantSettings { reporting_currency: text("EUR"), time_zone: text("Europe/Berlin"), ..Default::default() };
    let tier = onboard::Tier {
        name: text("programs/p/tiers/gold"),
        display_name: text("Gold"),
        rank: 3,
        revenue_threshold: Some(Money { minor_units: 0, currency_code: text("EUR") }),
        ..Default::default()
    };
    let partner = onboard::Partner {
        display_name: text("Acme"),
        r#type: 12,
        territory: text("emea"),
        vertical: text("retail"),
        parent: text("partners/top"),
        visible_to: vec![text("top"), text("acme")],
        ..Default::default()
    };
    let enrollment = onboard::Enrollment {
        partner: text("partners/acme"),
        program: text("programs/p"),
        tier: text("programs/p/tiers/gold"),
        status: 1,
        effective_time: at(-5),
        end_time: at(0),
        product_lines: vec![text("productLines/edge")],
        ..Default::default()
    };
    let plan = onboard::OnboardingPlan { partner: text("partners/acme"), complete_time: at(7), ..Default::default() };
    vec![
        (
            "onboard.tenant_settings.updated",
            onboard::TenantSettingsUpdated { tenant_settings: Some(settings) }.encode_to_vec(),
            "0a140a03455552120d4575726f70652f4265726c696e",
        ),
        (
            "onboard.tier.updated",
            onboard::TierUpdated { tier: Some(tier) }.encode_to_vec(),
            "121b0a0a70726f6772616d732f701204476f6c64180320002a03455552",
        ),
        (
            "onboard.partner.created",
            onboard::PartnerCreated { partner: Some(partner) }.encode_to_vec(),
            "1a260a0441636d65100c1a04656d6561220672657461696c2a03746f703203746f70320461636d65",
        ),
        (
            "onboard.enrollment.created",
            onboard::EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec(),
            "224b0a0461636d65120a70726f6772616d732f701a1570726f6772616d732f702f74696572732f676f6c64200128fbffffffffffffffff0130003a1170726f647563744c696e65732f65646765",
        ),
        (
            "onboard.onboarding_plan.completed",
            onboard::OnboardingPlanStarted { onboarding_plan: Some(plan) }.encode_to_vec(),
            "2a080a0461636d651007",
        ),
    ]
}

fn enable_events() -> Vec<Stored> {
    let completion = enable::CourseCompletion {
        partner: text("partners/acme"),
        complete_time: at(300),
        product_line: text("productLines/edge"),
        ..Default::default()
    };
    let award = enable::CertificationAward {
        partner: text("partners/acme"),
        product_line: text("productLines/edge"),
        earn_time: at(1),
        expire_time: at(2),
        revoke_time: at(3),
        person: text("persons/x"),
        ..Default::default()
    };
    let view = enable::PortalActivity {
        partner: text("partners/acme"),
        element: text("price-list"),
        first_view_time: at(4),
        ..Default::default()
    };
    vec![
        (
            "enable.course_completion.recorded",
            enable::CourseCompletionRecorded { course_completion: Some(completion) }.encode_to_vec(),
            "321c0a0461636d6510ac021a1170726f647563744c696e65732f65646765",
        ),
        (
            "enable.certification_award.earned",
            enable::CertificationAwardEarned { certification_award: Some(award) }.encode_to_vec(),
            "3a2a0a0461636d65121170726f647563744c696e65732f656467651801200228033209706572736f6e732f78",
        ),
        (
            "enable.portal_activity.recorded",
            enable::PortalActivityRecorded { portal_activity: Some(view) }.encode_to_vec(),
            "42140a0461636d65120a70726963652d6c6973741804",
        ),
    ]
}

fn commerce_events() -> Vec<Stored> {
    let campaign = market::MarketingCampaign { partner: text("partners/acme"), co_branded: true, deploy_time: at(5), ..Default::default() };
    let deal = sell::Deal {
        partner: text("partners/acme"),
        submit_time: at(1),
        withdraw_time: at(2),
        closure_code: sell::ClosureCode::Duplicate as i32,
        win_time: at(3),
        amount: Some(Money { minor_units: 400, currency_code: text("USD") }),
        product_line: text("productLines/edge"),
        customer: Some(sell::Customer { territory: text("emea"), vertical: text("retail"), ..Default::default() }),
        ..Default::default()
    };
    let rate = incentivize::ExchangeRate {
        base_currency: text("EUR"),
        quote_currency: text("USD"),
        date: text("2026-01-31"),
        rate_nanos: 1_084_000_000,
        ..Default::default()
    };
    vec![
        (
            "market.marketing_campaign.deployed",
            market::MarketingCampaignDeployed { marketing_campaign: Some(campaign) }.encode_to_vec(),
            "4a0a0a0461636d6510011805",
        ),
        (
            "sell.deal.won",
            sell::DealUpdated { deal: Some(deal) }.encode_to_vec(),
            "52420a0461636d6510011802200128033090033a0355534442090a0461636d6510904e4a1170726f647563744c696e65732f656467655204656d65615a0672657461696c",
        ),
        (
            "incentivize.exchange_rate.set",
            incentivize::ExchangeRateSet { exchange_rate: Some(rate) }.encode_to_vec(),
            "5a1c0a0345555212035553441a0a323032362d30312d333120808ef28404",
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn row(document: Document) -> Row {
    Row { aggregate: text("aggregates/1"), version: 1, occurred: 10, recorded: 10, source: 0, position: 1, document }
}

#[test]
fn stored_documents_never_change_and_can_be_read() {
    let all = stored();
    assert_eq!(all.len(), KINDS.len());
    for (subject, data, expected) in all {
        let event = Event { subject: text(subject), data, ..Default::default() };
        let document = fold(&event).unwrap().unwrap();
        assert_eq!(hex(document.bytes()), expected, "{subject}");
        let mut columns = Columns::default();
        derive(&[&row(document)], &mut Interner::default(), Change::Add, &mut columns).unwrap();
        assert!(columns.edit_bytes() > 0, "{subject} derives nothing");
    }
}

#[test]
fn every_kind_has_its_own_number_and_noun_and_a_source() {
    let numbers: BTreeSet<u8> = KINDS.iter().map(|(kind, _)| kind.number).collect();
    let nouns: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| kind.noun).collect();
    assert_eq!((numbers.len(), nouns.len()), (KINDS.len(), KINDS.len()));
    for noun in nouns {
        let source = noun.split('.').next().unwrap_or_default();
        assert!(SOURCES.contains(&source), "the log of {source} is not folded, but {noun} needs it");
    }
}

#[test]
fn other_nouns_are_not_stored_even_if_their_names_start_alike() {
    for subject in ["sell.dealer.created", "sell.product_line.created", "onboard.tier_requirement.updated", "deal"] {
        assert_eq!(fold(&Event { subject: text(subject), ..Default::default() }).unwrap(), None, "{subject}");
    }
}

#[test]
fn rows_of_an_unknown_kind_or_of_two_kinds_are_an_error() {
    let mut columns = Columns::default();
    let mut derived = |rows: &[&Row]| derive(rows, &mut Interner::default(), Change::Add, &mut columns);
    let (known, unknown) = (Document::new(1, &text("EUR")).unwrap(), Document::new(99, &text("EUR")).unwrap());
    assert!(derived(&[&row(unknown.clone())]).is_err());
    assert!(derived(&[&row(known), &row(unknown)]).is_err());
}
