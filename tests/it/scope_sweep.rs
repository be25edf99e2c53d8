//! Every method that names an object, called by everybody who must not reach it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, ReflectMessage, Value};
use serde_json::json;
use stoa_proto::describe::{self, Access};
use stoa_tests::TestSuite;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// An object that the tests know of.
#[derive(Debug, Clone)]
struct Object {
    name: String,
    /// `partners/{partner}` that it belongs to; empty where it belongs to the
    /// whole tenant.
    partner: String,
    etag: String,
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The reasons that the API documents.
fn reasons() -> BTreeSet<String> {
    let enums = stoa_proto::POOL.all_enums().filter(|e| e.name() == "ErrorReason");
    enums.flat_map(|e| e.values().map(|v| v.name().trim_start_matches("ERROR_REASON_").to_owned()).collect::<Vec<_>>()).collect()
}

/// Calls a method; a refusal has a documented reason, whatever it is.
async fn call(
    suite: &TestSuite,
    method: &MethodDescriptor,
    request: &DynamicMessage,
    token: &str,
) -> Result<Result<DynamicMessage, Status>> {
    use prost_reflect::prost::Message;
    let path = describe::path(method);
    match suite.call(&path, &request.encode_to_vec(), token).await? {
        Ok(bytes) => Ok(Ok(DynamicMessage::decode(method.output(), bytes)?)),
        Err(status) => {
            let reason = reason(&status);
            ensure!(reasons().contains(&reason), "{path} answers with a reason that nothing documents: `{reason}` {status:?}");
            ensure!(!status.message().is_empty(), "{path} says nothing");
            Ok(Err(status))
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|i| i.reason.clone()).unwrap_or_default()
}

/// Methods of the pillars that one call answers.
fn methods() -> impl Iterator<Item = MethodDescriptor> {
    let pillar = |m: &MethodDescriptor| {
        let package = m.parent_service().package_name().to_owned();
        !package.starts_with("stoa.events.") && !package.starts_with("stoa.analytics.")
    };
    describe::methods().filter(pillar).filter(|m| !m.is_client_streaming() && !m.is_server_streaming())
}

fn is_list(method: &MethodDescriptor) -> bool {
    method.name().starts_with("List")
}

fn list_request(method: &MethodDescriptor, page_size: i32, token: &str) -> DynamicMessage {
    let mut request = DynamicMessage::new(method.input());
    request.set_field_by_name("page_size", Value::I32(page_size));
    request.set_field_by_name("page_token", Value::String(token.to_owned()));
    if method.input().get_field_by_name("parent").is_some() {
        request.set_field_by_name("parent", Value::String("programs/channel".to_owned()));
    }
    request
}

fn listed(answer: &DynamicMessage) -> Vec<Object> {
    let items = answer.descriptor().fields().find(|f| f.is_list() && matches!(f.kind(), prost_reflect::Kind::Message(_)));
    let items = items.map(|field| answer.get_field(&field).into_owned());
    let items = items.and_then(|v| v.as_list().map(<[Value]>::to_vec)).unwrap_or_default();
    let object = |m: &DynamicMessage| {
        let name = text(m, "name");
        let partner = if name.starts_with("partners/") { name.clone() } else { text(m, "partner") };
        Object { name, partner, etag: text(m, "etag") }
    };
    items.iter().filter_map(Value::as_message).map(object).collect()
}

/// Objects by the list method that shows them.
async fn everything(suite: &TestSuite, token: &str) -> Result<BTreeMap<String, Vec<Object>>> {
    let mut all = BTreeMap::new();
    for method in methods().filter(is_list) {
        if let Ok(answer) = call(suite, &method, &list_request(&method, 1000, ""), token).await? {
            all.insert(method.full_name().to_owned(), listed(&answer));
        }
    }
    Ok(all)
}

/// The method's request for an object, where it names one: by `name`, or by the
/// object in it.
fn about(method: &MethodDescriptor, name: &str, etag: &str) -> Option<DynamicMessage> {
    let mut request = DynamicMessage::new(method.input());
    let set = |message: &mut DynamicMessage, field: &str, value: &str| {
        let known = message.descriptor().get_field_by_name(field).is_some();
        if known {
            message.set_field_by_name(field, Value::String(value.to_owned()));
        }
        known
    };
    if set(&mut request, "name", name) {
        set(&mut request, "etag", etag);
        return Some(request);
    }
    let resource: MessageDescriptor = match updated(method)?.kind() {
        prost_reflect::Kind::Message(resource) => resource,
        _ => return None,
    };
    let mut object = DynamicMessage::new(resource);
    set(&mut object, "name", name).then_some(())?;
    set(&mut object, "etag", etag);
    set(&mut object, "display_name", "Taken over");
    request.set_field(&updated(method)?, Value::Message(object));
    Some(request)
}

fn updated(method: &MethodDescriptor) -> Option<prost_reflect::FieldDescriptor> {
    let noun = method.name().strip_prefix("Update")?;
    method.input().fields().find(|f| f.kind().as_message().is_some_and(|m| m.name() == noun))
}

/// A network with an object of almost every kind, all of them of `north`, which
/// is below `upper`; `south` is a stranger.
async fn network() -> Result<TestSuite> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    for id in ["north", "south"] {
        suite.enroll(id).await?;
    }
    let (partner, person) = ("partners/north", "persons/ann");
    suite.post("/v1/persons?personId=ann", json!({"displayName": "Ann", "partner": partner})).await?;
    suite.post("/v1/partners/north:assignCam", json!({"person": person})).await?;
    let view = json!({"activityId": "v1", "partner": partner, "person": person, "element": "price-list"});
    suite.post("/v1/portalActivities:record", json!({"entries": [view]})).await?;
    let course = json!({"partner": partner, "person": person, "course": "courses/edge", "courseVersion": 1});
    suite.post("/v1/courseCompletions:record", course).await?;
    let award = json!({"certification": "certifications/edge", "partner": partner, "person": person});
    suite.post("/v1/certificationAwards:award", award).await?;
    suite.post("/v1/marketingCampaigns?marketingCampaignId=one", json!({"partner": partner, "displayName": "Spring"})).await?;
    for id in ["one", "two"] {
        suite.create_deal(id, "north").await?;
        suite.post(&format!("/v1/deals/{id}:submitRegistration"), json!({})).await?;
    }
    suite.post("/v1/deals/one:approveRegistration", json!({})).await?;
    suite.post("/v1/deals/one:win", json!({})).await?;
    let usd = |whole: i64| json!({"minorUnits": (whole * 100).to_string(), "currencyCode": "USD"});
    let request = json!({
        "partner": partner, "displayName": "Fair", "amount": usd(500), "usageStartDate": "2026-03-02", "usageEndDate": "2026-04-02",
        "mdfBudget": "mdfBudgets/main",
    });
    suite.post("/v1/mdfRequests?mdfRequestId=fair", request).await?;
    for step in ["submit", "approve", "start"] {
        suite.post(&format!("/v1/mdfRequests/fair:{step}"), json!({})).await?;
    }
    let claim = json!({"mdfRequest": "mdfRequests/fair", "amount": usd(450), "proofReferences": ["invoices/7"]});
    suite.post("/v1/mdfClaims?mdfClaimId=fair", claim).await?;
    let rate = json!({"baseCurrency": "EUR", "quoteCurrency": "USD", "date": "2026-01-01", "rateNanos": "1084000000"});
    suite.post("/v1/exchangeRates", rate).await?;
    // A second one of what the set-up made once, so that lists have pages.
    suite.post("/v1/programs?programId=second", json!({"displayName": "Second"})).await?;
    suite.post("/v1/persons?personId=bob", json!({"displayName": "Bob"})).await?;
    suite.post("/v1/partners/south:assignCam", json!({"person": "persons/bob"})).await?;
    suite.post("/v1/marketingCampaigns?marketingCampaignId=two", json!({"partner": partner, "displayName": "Fall"})).await?;
    suite.post("/v1/productLines?productLineId=cloud", json!({"displayName": "Cloud"})).await?;
    let course = json!({"displayName": "Cloud", "productLine": "productLines/cloud", "language": "en", "version": 1});
    suite.post("/v1/courses?courseId=cloud", course).await?;
    let cloud = json!({"displayName": "Cloud sales", "productLine": "productLines/cloud", "version": 1, "validityDays": 365});
    suite.post("/v1/certifications?certificationId=cloud", cloud).await?;
    let rule = json!({"displayName": "Extra", "rateBasisPoints": 100, "effectiveTime": "2026-01-01T00:00:00Z"});
    suite.post("/v1/commissionRules?commissionRuleId=extra", rule).await?;
    let budget = json!({"displayName": "More", "amount": usd(1000), "startDate": "2026-01-01", "endDate": "2026-12-31"});
    suite.post("/v1/mdfBudgets?mdfBudgetId=more", budget).await?;
    for currency in ["CHF", "GBP"] {
        let rate = json!({"baseCurrency": currency, "quoteCurrency": "USD", "date": "2026-01-01", "rateNanos": "1184000000"});
        suite.post("/v1/exchangeRates", rate).await?;
    }
    for id in ["crm", "other-crm"] {
        let connector = json!({"displayName": "CRM", "system": id, "currencyCode": "USD"});
        suite.post(&format!("/v1/crmConnectors?crmConnectorId={id}"), connector).await?;
    }
    suite.settle().await?;
    Ok(suite)
}

/// What is somebody else's is answered like what does not exist.
#[tokio::test]
async fn what_is_another_tenants_or_partners_does_not_exist() -> Result<()> {
    let suite = network().await?;
    let (admin, tenant, south) = (suite.admin()?, suite.other_tenant()?, suite.partner("south")?);
    let before = everything(&suite, &admin).await?;
    let kinds = before.values().filter(|objects| !objects.is_empty()).count();
    assert!(kinds >= 20, "objects of {kinds} kinds only");

    for (list, objects) in everything(&suite, &tenant).await? {
        assert!(objects.is_empty(), "{list} shows another tenant's: {objects:?}");
    }
    for (list, objects) in everything(&suite, &south).await? {
        let theirs = objects.iter().find(|o| o.partner == "partners/north" || o.name.ends_with("/north"));
        assert!(theirs.is_none(), "{list} shows another partner's: {theirs:?}");
    }
    let mut refusals = 0;
    for method in methods().filter(|m| !is_list(m) && matches!(describe::access(m), Access::Permission(_))) {
        let of_service = |list: &String| list.starts_with(&format!("{}.", method.parent_service().full_name()));
        for object in before.iter().filter(|(list, _)| of_service(list)).flat_map(|(_, objects)| objects) {
            let Some(request) = about(&method, &object.name, "") else { continue };
            let mut callers = vec![&tenant];
            callers.extend((object.partner == "partners/north").then_some(&south));
            for caller in callers {
                let status = call(&suite, &method, &request, caller).await?.err();
                let status = status.with_context(|| format!("{} takes {} of somebody else", method.full_name(), object.name))?;
                refusals += usize::from(refused_as_missing(&suite, &method, object, &status, caller).await?);
            }
        }
    }
    assert!(refusals > 60, "only {refusals} refusals as NOT_FOUND");
    let after = everything(&suite, &admin).await?;
    assert_eq!(format!("{before:?}"), format!("{after:?}"), "a refused call changed something");
    suite.finish().await
}

/// Whether it was refused as missing. A request that is not complete, and a
/// method that the caller's role does not have, are refused before.
async fn refused_as_missing(suite: &TestSuite, method: &MethodDescriptor, object: &Object, status: &Status, caller: &str) -> Result<bool> {
    let name = method.full_name();
    if matches!(reason(status).as_str(), "INVALID_FIELD" | "PERMISSION_MISSING" | "SCOPE_EXCEEDED") {
        return Ok(false);
    }
    ensure!(status.code() == Code::NotFound, "{name} of {}: {status:?}", object.name);
    let (parent, _) = object.name.rsplit_once('/').context("a name has a collection")?;
    let missing = format!("{parent}/missing");
    let request = about(method, &missing, "").context("the method names an object")?;
    let other = call(suite, method, &request, caller).await?.err().context("it does not exist")?;
    ensure!(
        (other.code(), other.message().replace(&missing, "X")) == (status.code(), status.message().replace(&object.name, "X")),
        "{name} tells what exists: {status:?} and not {other:?}"
    );
    Ok(true)
}

/// Every list gives the same objects in pages of one as in one page.
#[tokio::test]
async fn every_list_pages() -> Result<()> {
    let suite = network().await?;
    let admin = suite.admin()?;
    let mut paged = 0;
    for method in methods().filter(is_list) {
        let whole = call(&suite, &method, &list_request(&method, 1000, ""), &admin).await??;
        let expected: Vec<String> = listed(&whole).into_iter().map(|o| o.name).collect();
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = call(&suite, &method, &list_request(&method, 1, &token), &admin).await??;
            found.extend(listed(&page).into_iter().map(|o| o.name));
            token = text(&page, "next_page_token");
            if token.is_empty() {
                break;
            }
            assert!(found.len() <= expected.len(), "{} never ends", method.full_name());
            paged += 1;
            let stranger = suite.other_tenant()?;
            let taken = call(&suite, &method, &list_request(&method, 1, &token), &stranger).await?.err();
            assert_eq!(taken.map(|s| reason(&s)).as_deref(), Some("PAGE_TOKEN_INVALID"), "{}", method.full_name());
        }
        assert_eq!(found, expected, "{}", method.full_name());
    }
    assert!(paged > 20, "only {paged} pages");
    suite.finish().await
}

/// Every method with an etag refuses another one than the object has, before it
/// looks at anything else, and changes nothing.
#[tokio::test]
async fn every_etag_guards() -> Result<()> {
    let suite = network().await?;
    let admin = suite.admin()?;
    let before = everything(&suite, &admin).await?;
    let stale = stoa_kernel::etag::of(999);
    let mut guarded = BTreeSet::new();
    for method in methods().filter(|m| !is_list(m) && !m.name().starts_with("Get")) {
        let has_etag = method.input().get_field_by_name("etag").is_some() || updated(&method).is_some();
        let of_service = |list: &String| list.starts_with(&format!("{}.", method.parent_service().full_name()));
        for object in before.iter().filter(|(list, _)| of_service(list)).flat_map(|(_, objects)| objects) {
            let Some(request) = about(&method, &object.name, &stale).filter(|_| has_etag && !object.etag.is_empty()) else { continue };
            let status = call(&suite, &method, &request, &admin).await?.err();
            let status = status.with_context(|| format!("{} takes a stale etag of {}", method.full_name(), object.name))?;
            if reason(&status) == "INVALID_FIELD" {
                continue;
            }
            assert_eq!(reason(&status), "ETAG_MISMATCH", "{} of {}", method.full_name(), object.name);
            guarded.insert(method.full_name().to_owned());
        }
    }
    assert!(guarded.len() > 20, "only {guarded:?}");
    let after = everything(&suite, &admin).await?;
    assert_eq!(format!("{before:?}"), format!("{after:?}"), "a refused call changed something");
    suite.finish().await
}
