//! Output-only fields that a caller sends are ignored.

use anyhow::{Context, Result, ensure};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
    prost::{Message, bytes::Bytes},
};
use serde_json::json;
use stoa_proto::{POOL, behavior, describe};
use stoa_tests::TestSuite;

/// A request for every method that takes a resource, as JSON. `%` is 1 in the
/// first call and 2 in the second.
const REQUESTS: &[(&str, &str)] = &[
    ("CreateCertification", r#"{"certification": {"displayName": "Sales", "validityDays": 365}}"#),
    ("CreateCourse", r#"{"courseId": "x%", "course": {"displayName": "Course"}}"#),
    ("UpdateCourse", r#"{"course": {"name": "courses/x1", "displayName": "Course %"}, "updateMask": "displayName"}"#),
    ("CreateCommissionRule", r#"{"commissionRule": {"displayName": "Rule", "rateBasisPoints": 100}}"#),
    (
        "CreateExchangeRate",
        r#"{"exchangeRate": {"baseCurrency": "EUR", "quoteCurrency": "USD", "date": "2026-01-0%", "rateNanos": "1000000000"}}"#,
    ),
    (
        "BatchCreateExchangeRates",
        r#"{"exchangeRates": [{"baseCurrency": "CHF", "quoteCurrency": "USD", "date": "2026-01-0%", "rateNanos": "1000000000"}]}"#,
    ),
    (
        "UpdateExchangeRate",
        r#"{"exchangeRate": {"name": "exchangeRates/eur-usd-2026-01-01", "rateNanos": "%000000000"}, "updateMask": "rateNanos"}"#,
    ),
    (
        "CreateMdfBudget",
        r#"{"mdfBudget": {"displayName": "MDF", "amount": {"minorUnits": "100", "currencyCode": "USD"},
            "startDate": "2026-01-01", "endDate": "2026-12-31"}}"#,
    ),
    ("CreateMdfClaim", r#"{"mdfClaim": {"mdfRequest": "mdfRequests/fair", "amount": {"minorUnits": "100", "currencyCode": "USD"}}}"#),
    (
        "CreateMdfRequest",
        r#"{"mdfRequest": {"partner": "partners/north", "displayName": "Fair", "amount": {"minorUnits": "100", "currencyCode": "USD"},
            "usageStartDate": "2026-03-02", "usageEndDate": "2026-04-02"}}"#,
    ),
    (
        "CreateMarketingCampaign",
        r#"{"marketingCampaignId": "x%", "marketingCampaign": {"partner": "partners/north", "displayName": "Spring"}}"#,
    ),
    (
        "UpdateMarketingCampaign",
        r#"{"marketingCampaign": {"name": "marketingCampaigns/x1", "displayName": "Fall %"}, "updateMask": "displayName"}"#,
    ),
    ("CreateAgreement", r#"{"agreement": {"partner": "partners/north", "program": "programs/channel"}}"#),
    (
        "BulkEnroll",
        r#"{"bulkEnrollmentId": "b", "row": {"rowId": "%", "partnerId": "b%", "program": "programs/channel",
            "partner": {"displayName": "Bulk", "type": "PARTNER_TYPE_RESELLER"}}}"#,
    ),
    ("UpdatePartner", r#"{"partner": {"name": "partners/north", "displayName": "North %"}, "updateMask": "displayName"}"#),
    ("CreatePerson", r#"{"person": {"displayName": "Ann"}}"#),
    ("CreateProgram", r#"{"program": {"displayName": "Program"}}"#),
    ("UpdateProgram", r#"{"program": {"name": "programs/channel", "displayName": "Program %"}, "updateMask": "displayName"}"#),
    (
        "CreateProspect",
        r#"{"prospectId": "x%", "prospect": {"displayName": "New", "type": "PARTNER_TYPE_RESELLER", "domain": "x%.example"}}"#,
    ),
    ("UpdateProspect", r#"{"prospect": {"name": "prospects/x1", "displayName": "New %"}, "updateMask": "displayName"}"#),
    ("UpdateTenantSettings", r#"{"tenantSettings": {"name": "tenantSettings", "displayName": "Acme %"}, "updateMask": "displayName"}"#),
    ("CreateTier", r#"{"parent": "programs/channel", "tier": {"displayName": "Tier", "rank": 1%}}"#),
    ("UpdateTier", r#"{"tier": {"name": "programs/channel/tiers/gold", "displayName": "Gold %"}, "updateMask": "displayName"}"#),
    ("CreateCrmConnector", r#"{"crmConnectorId": "x%", "crmConnector": {"displayName": "CRM", "currencyCode": "USD"}}"#),
    ("UpdateCrmConnector", r#"{"crmConnector": {"name": "crmConnectors/x1", "displayName": "CRM %"}, "updateMask": "displayName"}"#),
    ("CreateDeal", r#"{"dealId": "x%", "deal": {"displayName": "Deal", "partner": "partners/north", "productLine": "productLines/edge"}}"#),
    ("UpdateDeal", r#"{"deal": {"name": "deals/x1", "displayName": "Deal %"}, "updateMask": "displayName"}"#),
    ("CreateProductLine", r#"{"productLine": {"displayName": "Line"}}"#),
];

/// Starts a suite with a partner and an MDF request that can be claimed.
async fn network() -> Result<TestSuite> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    suite.enroll("north").await?;
    let request = json!({
        "partner": "partners/north", "displayName": "Fair", "amount": {"minorUnits": "50000", "currencyCode": "USD"},
        "usageStartDate": "2026-03-02", "usageEndDate": "2026-04-02", "mdfBudget": "mdfBudgets/main",
    });
    suite.post("/v1/mdfRequests?mdfRequestId=fair", request).await?;
    for step in ["submit", "approve", "start"] {
        suite.post(&format!("/v1/mdfRequests/fair:{step}"), json!({})).await?;
    }
    suite.settle().await?;
    Ok(suite)
}

fn request(method: &MethodDescriptor, round: u8) -> Result<DynamicMessage> {
    let known = REQUESTS.iter().find(|(name, _)| *name == method.name());
    let (_, text) = known.with_context(|| format!("{} has no request in REQUESTS", method.full_name()))?;
    let text = text.replace('%', &round.to_string());
    let mut reader = serde_json::Deserializer::from_str(&text);
    DynamicMessage::deserialize(method.input(), &mut reader).with_context(|| format!("{}: {text}", method.full_name()))
}

/// Returns a value that no service sets and no rule refuses.
fn foreign_value(field: &FieldDescriptor) -> Value {
    let one = match field.kind() {
        Kind::String if field.name() == "currency_code" => Value::String("UZS".to_owned()),
        Kind::String => Value::String("soil".to_owned()),
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(7_777),
        Kind::Int64 => Value::I64(7_777),
        Kind::Enum(values) => Value::EnumNumber(values.values().map(|v| v.number()).max().unwrap_or_default()),
        Kind::Message(message) => {
            let mut inner = DynamicMessage::new(message.clone());
            for field in message.fields().filter(|f| f.kind().as_message().is_none()) {
                inner.set_field(&field, foreign_value(&field));
            }
            Value::Message(inner)
        }
        _ => Value::default_value_for_field(field),
    };
    if field.is_list() { Value::List(vec![one]) } else { one }
}

/// Sets every output-only field of a message and of the messages in it.
fn set_output_only(message: &mut DynamicMessage) {
    let Some(fields) = behavior::fields_of(&message.descriptor()) else { return };
    for field in &fields.output_only {
        message.set_field(field, foreign_value(field));
    }
    for field in &fields.nested {
        match message.get_field_mut(field) {
            Value::Message(inner) => set_output_only(inner),
            Value::List(items) => items.iter_mut().for_each(|item| {
                if let Value::Message(inner) = item {
                    set_output_only(inner);
                }
            }),
            _ => {}
        }
    }
}

/// Returns the resource as it is stored after a call.
async fn stored(suite: &TestSuite, method: &MethodDescriptor, request: &DynamicMessage) -> Result<DynamicMessage> {
    let answer = called(suite, method, &request.encode_to_vec()).await?;
    let answer = DynamicMessage::decode(method.output(), answer)?;
    let id = |message: &DynamicMessage| message.get_field_by_name("partner_id").and_then(|v| v.as_str().map(str::to_owned));
    match method.name() {
        "BatchCreateExchangeRates" => {
            let rates = answer.get_field_by_name("exchange_rates").context("rates")?.into_owned();
            Ok(rates.as_list().and_then(|l| l.first()).and_then(Value::as_message).context("a rate")?.clone())
        }
        "BulkEnroll" => {
            let row = request.get_field_by_name("row").context("row")?.into_owned();
            let get = describe::methods().find(|m| m.name() == "GetPartner").context("GetPartner")?;
            let mut named = DynamicMessage::new(get.input());
            named.set_field_by_name("name", Value::String(format!("partners/{}", row.as_message().and_then(id).context("id")?)));
            Ok(DynamicMessage::decode(get.output(), called(suite, &get, &named.encode_to_vec()).await?)?)
        }
        _ => Ok(answer),
    }
}

async fn called(suite: &TestSuite, method: &MethodDescriptor, request: &[u8]) -> Result<Bytes> {
    let answer = suite.call(&describe::path(method), request, &suite.admin()?).await?;
    answer.with_context(|| format!("{} refuses its request", method.full_name()))
}

/// Returns the output-only fields of a message, at any depth, with their
/// values.
fn fields(message: &DynamicMessage, path: &str) -> Vec<(String, FieldDescriptor, Value)> {
    let Some(all) = behavior::fields_of(&message.descriptor()) else { return Vec::new() };
    let at = |field: &FieldDescriptor| format!("{path}.{}", field.name());
    let mut found: Vec<_> = all.output_only.iter().map(|f| (at(f), f.clone(), message.get_field(f).into_owned())).collect();
    for field in &all.nested {
        let value = message.get_field(field).into_owned();
        let items = value.as_list().map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
        found.extend(items.iter().filter_map(Value::as_message).flat_map(|inner| fields(inner, &at(field))));
    }
    found
}

fn takes_a_resource(message: &MessageDescriptor) -> bool {
    behavior::fields_of(message).is_some_and(|fields| !fields.nested.is_empty())
}

#[tokio::test]
async fn output_only_fields_of_a_request_are_ignored() -> Result<()> {
    let suite = network().await?;
    let mut accepted = Vec::new();
    for method in describe::methods().filter(|m| takes_a_resource(&m.input())) {
        let clean = stored(&suite, &method, &request(&method, 1)?).await?;
        let mut second = request(&method, 2)?;
        set_output_only(&mut second);
        let other = stored(&suite, &method, &second).await?;
        let (clean, other) = (fields(&clean, method.name()), fields(&other, method.name()));
        ensure!(!clean.is_empty() && clean.len() == other.len(), "{} returns another resource than it takes", method.full_name());
        for ((path, field, before), (_, _, after)) in clean.into_iter().zip(other) {
            ensure!(before != foreign_value(&field), "{path} already has the value that the test sets: choose another");
            if before != after {
                accepted.push(format!("{path}: {after:?} instead of {before:?}"));
            }
        }
    }
    ensure!(accepted.is_empty(), "sent by the caller and stored:\n  {}", accepted.join("\n  "));
    suite.finish().await
}

/// Every method that takes a resource has a request, and no other method has.
#[test]
fn every_request_is_for_a_method_that_takes_a_resource() {
    let takers: Vec<String> = describe::methods().filter(|m| takes_a_resource(&m.input())).map(|m| m.name().to_owned()).collect();
    let missing: Vec<&String> = takers.iter().filter(|taker| REQUESTS.iter().all(|(name, _)| name != taker)).collect();
    assert!(missing.is_empty(), "{missing:?} take a resource: add a request of each to REQUESTS in tests/it/output_only.rs");
    let idle: Vec<&str> = REQUESTS.iter().map(|(name, _)| *name).filter(|name| !takers.iter().any(|t| t == name)).collect();
    assert_eq!(idle, [""; 0]);
    let creates = POOL.services().flat_map(|s| s.methods().collect::<Vec<_>>());
    let creates = creates.filter(|m| m.name().starts_with("Create") || m.name().starts_with("Update"));
    let bare: Vec<String> = creates.filter(|m| !takes_a_resource(&m.input())).map(|m| m.name().to_owned()).collect();
    assert_eq!(bare, ["CreateEnrollment"], "a create or update takes the resource (AIP-133, AIP-134)");
}
