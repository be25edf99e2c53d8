//! An update without a mask changes the populated fields (AIP-134) and nothing
//! else.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, Value, prost::Message};
use serde_json::json;
use stoa_proto::{behavior, describe};
use stoa_tests::TestSuite;
use tonic::Status;

/// An object in [`network`] of every noun that can be updated.
const OBJECTS: &[(&str, &str)] = &[
    ("Course", "courses/edge"),
    ("CrmConnector", "crmConnectors/crm"),
    ("Deal", "deals/one"),
    ("ExchangeRate", "exchangeRates/eur-usd-2026-01-01"),
    ("MarketingCampaign", "marketingCampaigns/one"),
    ("Partner", "partners/north"),
    ("Program", "programs/channel"),
    ("Prospect", "prospects/fresh"),
    ("TenantSettings", "tenantSettings"),
    ("Tier", "programs/channel/tiers/gold"),
];

async fn network() -> Result<TestSuite> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    for id in ["north", "upper"] {
        suite.enroll(id).await?;
    }
    suite.create_deal("one", "north").await?;
    let prospect = json!({"displayName": "Fresh", "type": "PARTNER_TYPE_RESELLER", "domain": "fresh.example", "countryCode": "DE"});
    suite.post("/v1/prospects?prospectId=fresh", prospect).await?;
    let campaign = json!({"partner": "partners/north", "displayName": "Spring"});
    suite.post("/v1/marketingCampaigns?marketingCampaignId=one", campaign).await?;
    let connector = json!({"displayName": "CRM", "system": "csv", "currencyCode": "USD"});
    suite.post("/v1/crmConnectors?crmConnectorId=crm", connector).await?;
    let rate = json!({"baseCurrency": "EUR", "quoteCurrency": "USD", "date": "2026-01-01", "rateNanos": "1084000000"});
    suite.post("/v1/exchangeRates", rate).await?;
    suite.post("/v1/productLines?productLineId=cloud", json!({"displayName": "Cloud"})).await?;
    suite.settle().await?;
    Ok(suite)
}

/// Returns a value that the objects of the network do not have.
fn another(field: &FieldDescriptor) -> Value {
    let text = match field.name() {
        "close_date" => "2026-06-01",
        "country_code" => "FR",
        "currency_code" | "reporting_currency" => "EUR",
        "default_program" => "programs/channel",
        "language" => "de",
        "mdf_request" => "mdfRequests/fair",
        "owner" => "persons/ann",
        "parent" => "partners/upper",
        "product_line" => "productLines/cloud",
        "time_zone" => "Europe/Berlin",
        _ => "changed",
    };
    match field.kind() {
        Kind::Int32 => Value::I32(3),
        Kind::Int64 => Value::I64(3),
        _ => Value::String(text.to_owned()),
    }
}

/// Returns the fields that change with a field because they are computed from
/// it.
fn computed_from(field: &str) -> &'static [&'static str] {
    match field {
        "parent" => &["ancestors", "visible_to"],
        _ => &[],
    }
}

fn is_text_or_number(field: &FieldDescriptor) -> bool {
    !field.is_list() && matches!(field.kind(), Kind::String | Kind::Int32 | Kind::Int64) && !["name", "etag"].contains(&field.name())
}

async fn call(suite: &TestSuite, method: &MethodDescriptor, request: &DynamicMessage) -> Result<Result<DynamicMessage, Status>> {
    let answer = suite.call(&describe::path(method), &request.encode_to_vec(), &suite.admin()?).await?;
    Ok(match answer {
        Ok(bytes) => Ok(DynamicMessage::decode(method.output(), bytes)?),
        Err(status) => Err(status),
    })
}

/// Builds an update of one field of an object.
fn update(method: &MethodDescriptor, name: &str, field: &FieldDescriptor, value: Value, mask: &[&str]) -> Result<DynamicMessage> {
    let resource = describe::updated_field(&method.input()).with_context(|| format!("{} has no resource", method.input().full_name()))?;
    let mut object = DynamicMessage::new(method.output());
    object.set_field_by_name("name", Value::String(name.to_owned()));
    object.set_field(field, value);
    let mut request = DynamicMessage::new(method.input());
    request.set_field(&resource, Value::Message(object));
    if !mask.is_empty() {
        let paths = mask.iter().map(|path| Value::String((*path).to_owned())).collect();
        let kind = method.input().get_field_by_name("update_mask").map(|field| field.kind());
        let mut mask = DynamicMessage::new(kind.and_then(|kind| kind.as_message().cloned()).context("an update has a mask")?);
        mask.set_field_by_name("paths", Value::List(paths));
        request.set_field_by_name("update_mask", Value::Message(mask));
    }
    Ok(request)
}

/// Returns the names of the fields that differ, without those that every write
/// changes.
fn differing(before: &DynamicMessage, after: &DynamicMessage, method: &MethodDescriptor) -> BTreeSet<String> {
    let resource = method.output();
    let differ = resource.fields().filter(|field| before.get_field(field) != after.get_field(field));
    differ.map(|field| field.name().to_owned()).filter(|name| !["etag", "update_time"].contains(&name.as_str())).collect()
}

/// Changes every text and number of an object that can be changed, one at a time,
/// and returns their names.
async fn change_each(suite: &TestSuite, method: &MethodDescriptor, name: &str) -> Result<Vec<String>> {
    let noun = method.output().name().to_owned();
    let get = method.parent_service().methods().find(|m| m.name() == format!("Get{noun}")).context("it can be read")?;
    let mut named = DynamicMessage::new(get.input());
    named.set_field_by_name("name", Value::String(name.to_owned()));
    let mut before = call(suite, &get, &named).await?.with_context(|| format!("there is no {name}"))?;
    let mut changed = Vec::new();
    let changeable = behavior::changeable(&method.output());
    for field in method.output().fields().filter(is_text_or_number).filter(|field| changeable.contains(&field.name())) {
        let same = update(method, name, &field, before.get_field(&field).into_owned(), &[field.name()])?;
        call(suite, method, &same).await?.with_context(|| format!("{} in a mask", field.full_name()))?;
        let request = update(method, name, &field, another(&field), &[])?;
        let answer = call(suite, method, &request).await?.with_context(|| {
            format!("{} alone, without a mask (`another` in tests/it/empty_mask.rs says what it is changed to)", field.full_name())
        })?;
        let after = call(suite, &get, &named).await??;
        ensure!(answer == after, "{} returns something other than what it wrote", method.full_name());
        let mut found = differing(&before, &after, method);
        ensure!(found.remove(field.name()), "{} did not change", field.full_name());
        found.retain(|other| !computed_from(field.name()).contains(&other.as_str()));
        ensure!(found.is_empty(), "{} also changed {found:?}", field.full_name());
        changed.push(field.name().to_owned());
        before = after;
    }
    Ok(changed)
}

#[tokio::test]
async fn every_update_without_a_mask_changes_the_populated_fields() -> Result<()> {
    let suite = network().await?;
    let is_update = |m: &MethodDescriptor| m.name().starts_with("Update") && m.input().get_field_by_name("update_mask").is_some();
    let mut left: BTreeSet<&str> = OBJECTS.iter().map(|(noun, _)| *noun).collect();
    for method in describe::methods().filter(is_update) {
        let (noun, name) = OBJECTS
            .iter()
            .find(|(noun, _)| method.name() == format!("Update{noun}"))
            .with_context(|| format!("{} has no object in the network of this test: add one", method.full_name()))?;
        let changed = change_each(&suite, &method, name).await?;
        ensure!(!changed.is_empty(), "{} changes no text and no number of {name}", method.full_name());
        println!("{}: {}", method.name(), changed.join(", "));
        left.remove(noun);
    }
    ensure!(left.is_empty(), "nothing updates {left:?}");
    suite.finish().await
}
