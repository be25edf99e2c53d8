//! Bad input through the gateway gets the right status, reason and field, and
//! changes nothing.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use stoa_tests::{Answer, TestSuite};

/// Starts a suite with an enrolled partner and the deal `deals/one`.
async fn with_a_deal() -> Result<(TestSuite, Value)> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    suite.enroll("north").await?;
    let deal = suite.create_deal("one", "north").await?;
    Ok((suite, deal))
}

/// Checks that neither the deal nor the number of deals has changed.
async fn unchanged(suite: &TestSuite, deal: &Value) -> Result<()> {
    let now = suite.get("/v1/deals/one").await?;
    ensure!(now == *deal, "the deal was changed: {now}");
    let all = suite.get("/v1/deals").await?;
    let count = all["deals"].as_array().map_or(0, Vec::len);
    ensure!(count == 1, "{count} deals instead of 1");
    Ok(())
}

async fn patch(suite: &TestSuite, mask: &str, body: Value) -> Result<Answer> {
    suite.http("PATCH", &format!("/v1/deals/one?updateMask={mask}"), &body, &suite.admin()?).await
}

fn a_deal(change: impl FnOnce(&mut Value)) -> Value {
    let mut deal = json!({
        "displayName": "Two", "partner": "partners/north", "productLine": "productLines/edge",
        "customer": {"displayName": "Customer", "domain": "two.example"},
        "amount": {"minorUnits": "100000", "currencyCode": "USD"}, "kind": "DEAL_KIND_NET_NEW",
        "pipelineStage": "PIPELINE_STAGE_PROSPECTING",
    });
    change(&mut deal);
    deal
}

#[tokio::test]
async fn invalid_tokens_are_refused() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    let admin = suite.admin()?;
    let (head, signature) = admin.rsplit_once('.').unwrap_or_default();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let (header, rest) = admin.split_once('.').unwrap_or_default();
    let body_missing = format!("{header}.{}", rest.rsplit_once('.').unwrap_or_default().1);
    for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", &forged, &body_missing] {
        let answer = suite.http("POST", "/v1/deals?dealId=two", &a_deal(|_| {}), token).await?;
        answer.refused(401, "TOKEN_INVALID", "")?;
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{token}");
    }
    unchanged(&suite, &deal).await?;
    suite.finish().await
}

/// The answer does not reveal whether an id exists elsewhere.
#[tokio::test]
async fn ids_of_another_tenant_or_partner_are_not_found() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    suite.enroll("south").await?;
    for token in [suite.other_tenant()?, suite.partner("south")?] {
        for (method, verb, body) in
            [("GET", "", Value::Null), ("POST", ":submitRegistration", json!({})), ("POST", ":lose", json!({"reason": "x"}))]
        {
            let theirs = suite.http(method, &format!("/v1/deals/one{verb}"), &body, &token).await?;
            let missing = suite.http(method, &format!("/v1/deals/six{verb}"), &body, &token).await?;
            theirs.refused(404, "NOT_FOUND", "")?;
            missing.refused(404, "NOT_FOUND", "")?;
            assert_eq!(theirs.text.replace("deals/one", "deals/six"), missing.text, "{method} {verb}");
        }
        let change = suite.http("PATCH", "/v1/deals/one?updateMask=displayName", &json!({"displayName": "Mine"}), &token).await?;
        change.refused(404, "NOT_FOUND", "")?;
        let listed = suite.http("GET", "/v1/deals", &Value::Null, &token).await?.ok()?;
        assert_eq!(listed["deals"], json!([]));
    }
    unchanged(&suite, &deal).await?;
    suite.finish().await
}

/// A partner cannot choose ids, so that creating tells it nothing about the ids
/// of others: the answer is the same for an id that is taken.
#[tokio::test]
async fn partners_do_not_choose_ids() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    suite.enroll("south").await?;
    suite.post("/v1/persons?personId=one", json!({"displayName": "One", "partner": "partners/north"})).await?;
    let south = suite.partner("south")?;
    let fair = json!({
        "displayName": "Fair", "amount": {"minorUnits": "100", "currencyCode": "USD"},
        "usageStartDate": "2026-03-02", "usageEndDate": "2026-04-02",
    });
    let creates = [
        ("deals", "dealId", "deal_id", a_deal(|d| d["partner"] = json!("partners/south"))),
        ("persons", "personId", "person_id", json!({"displayName": "One"})),
        ("marketingCampaigns", "marketingCampaignId", "marketing_campaign_id", json!({"displayName": "Spring"})),
        ("mdfRequests", "mdfRequestId", "mdf_request_id", fair),
    ];
    for (collection, parameter, field, body) in creates {
        let mut refusals = Vec::new();
        for id in ["one", "free"] {
            let answer = suite.http("POST", &format!("/v1/{collection}?{parameter}={id}"), &body, &south).await?;
            answer.refused(400, "INVALID_FIELD", field)?;
            refusals.push(answer.text);
        }
        assert_eq!(refusals[0], refusals[1], "{collection}");
        suite.http("POST", &format!("/v1/{collection}"), &body, &south).await?.ok()?;
    }
    assert_eq!(suite.get("/v1/deals/one").await?, deal);
    suite.finish().await
}

#[tokio::test]
async fn unknown_and_out_of_bounds_fields_are_refused() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    let admin = suite.admin()?;
    let long = "x".repeat(201);
    let cases: [(&str, &str, Value); 8] = [
        ("INVALID_FIELD", "nonsense", a_deal(|d| d["nonsense"] = json!(1))),
        ("INVALID_FIELD", "deal.display_name", a_deal(|d| d["displayName"] = json!(long))),
        ("INVALID_FIELD", "deal.amount.minor_units", a_deal(|d| d["amount"]["minorUnits"] = json!("-1"))),
        ("CURRENCY_UNKNOWN", "deal.amount.currency_code", a_deal(|d| d["amount"]["currencyCode"] = json!("XYZ"))),
        ("INVALID_FIELD", "deal.amount.currency_code", a_deal(|d| d["amount"]["currencyCode"] = json!("usd"))),
        ("INVALID_FIELD", "deal.customer.country_code", a_deal(|d| d["customer"]["countryCode"] = json!("Germany"))),
        ("DATE_INVALID", "deal.close_date", a_deal(|d| d["closeDate"] = json!("2026-02-31"))),
        ("INVALID_FIELD", "body", a_deal(|d| d["displayName"] = json!(7))),
    ];
    for (reason, field, body) in cases {
        suite.http("POST", "/v1/deals?dealId=two", &body, &admin).await?.refused(400, reason, field)?;
    }
    for (id, field) in [("Two", "deal_id"), ("two%20", "deal_id")] {
        suite.http("POST", &format!("/v1/deals?dealId={id}"), &a_deal(|_| {}), &admin).await?.refused(400, "INVALID_FIELD", field)?;
    }
    let broken = suite.send("POST", "/v1/deals?dealId=two", "{\"displayName\":".to_owned(), &admin, &[]).await?;
    broken.refused(400, "INVALID_FIELD", "body")?;
    suite.http("POST", "/v1/deals?dealld=two", &a_deal(|_| {}), &admin).await?.refused(400, "INVALID_FIELD", "dealld")?;
    let nobody = a_deal(|d| d["partner"] = json!("partners/nobody"));
    suite.http("POST", "/v1/deals?dealId=two", &nobody, &admin).await?.refused(400, "REFERENCE_NOT_FOUND", "deal.partner")?;
    unchanged(&suite, &deal).await?;
    suite.finish().await
}

#[tokio::test]
async fn invalid_updates_are_refused() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    let admin = suite.admin()?;
    let stale = json!({"displayName": "Renamed", "etag": "\"ff\""});
    patch(&suite, "displayName", stale).await?.refused(409, "ETAG_MISMATCH", "etag")?;
    let renamed = json!({"displayName": "Renamed"});
    let path = "/v1/deals/one?updateMask=displayName";
    suite.http_with("PATCH", path, &renamed, &admin, &[("if-match", "\"ff\"")]).await?.refused(412, "ETAG_MISMATCH", "etag")?;
    patch(&suite, "nonsense", renamed).await?.refused(400, "UPDATE_MASK_INVALID", "update_mask")?;
    let negative = json!({"amount": {"minorUnits": "-5", "currencyCode": "USD"}});
    patch(&suite, "amount", negative).await?.refused(400, "INVALID_FIELD", "deal.amount.minor_units")?;
    let unknown = json!({"amount": {"minorUnits": "5", "currencyCode": "ZZZ"}});
    patch(&suite, "amount", unknown).await?.refused(400, "CURRENCY_UNKNOWN", "deal.amount.currency_code")?;
    let approve = suite.http("POST", "/v1/deals/one:approveRegistration", &json!({}), &admin).await?;
    approve.refused(400, "STATE_INVALID", "")?;
    let partner = suite.http("POST", "/v1/deals/one:approveRegistration", &json!({}), &suite.partner("north")?).await?;
    partner.refused(403, "PERMISSION_MISSING", "")?;
    unchanged(&suite, &deal).await?;
    suite.finish().await
}

#[tokio::test]
async fn a_request_id_with_another_body_is_refused() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    let (admin, key) = (suite.admin()?, [("idempotency-key", "once")]);
    let path = "/v1/deals/one?updateMask=displayName";
    let first = suite.http_with("PATCH", path, &json!({"displayName": "Renamed"}), &admin, &key).await?.ok()?;
    assert_ne!(first["etag"], deal["etag"]);
    let other = suite.http_with("PATCH", path, &json!({"displayName": "Other"}), &admin, &key).await?;
    other.refused(409, "REQUEST_ID_REUSED", "request_id")?;
    unchanged(&suite, &first).await?;
    let long = "k".repeat(101);
    let long = suite.http_with("PATCH", path, &json!({"displayName": "Other"}), &admin, &[("idempotency-key", &long)]).await?;
    long.refused(400, "INVALID_FIELD", "Idempotency-Key")?;
    unchanged(&suite, &first).await?;
    suite.finish().await
}

#[tokio::test]
async fn invalid_list_requests_are_refused() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    let admin = suite.admin()?;
    let deep = format!("{}a=1{}", "(".repeat(500), ")".repeat(500));
    let cases = [
        ("filter=nonsense%3D1", "FILTER_INVALID", "filter"),
        ("filter=partner%3D%3D%3D", "FILTER_INVALID", "filter"),
        ("filter=partner%3D%22partners%2Fnorth", "FILTER_INVALID", "filter"),
        (&*format!("filter={deep}"), "FILTER_INVALID", "filter"),
        (&*format!("filter={}", "x".repeat(2001)), "INVALID_FIELD", "filter"),
        ("pageToken=forged", "PAGE_TOKEN_INVALID", ""),
        ("pageSize=-1", "INVALID_FIELD", "page_size"),
        ("pageSize=1001", "INVALID_FIELD", "page_size"),
        ("pageSize=many", "INVALID_FIELD", "pageSize"),
        ("nonsense=1", "INVALID_FIELD", "nonsense"),
    ];
    for (query, reason, field) in cases {
        let answer = suite.http("GET", &format!("/v1/deals?{query}"), &Value::Null, &admin).await?;
        answer.refused(400, reason, field).map_err(|e| e.context(format!("?{query:.60}")))?;
    }
    unchanged(&suite, &deal).await?;
    suite.finish().await
}

/// A page token is bound to the caller's query.
#[tokio::test]
async fn a_page_token_of_another_query_is_refused() -> Result<()> {
    let (suite, _) = with_a_deal().await?;
    suite.create_deal("two", "north").await?;
    let first = suite.get("/v1/deals?pageSize=1").await?;
    let token = first["nextPageToken"].as_str().unwrap_or_default().to_owned();
    assert!(!token.is_empty());
    let second = suite.get(&format!("/v1/deals?pageSize=1&pageToken={token}")).await?;
    assert_ne!(first["deals"][0]["name"], second["deals"][0]["name"]);
    let path = format!("/v1/deals?pageSize=1&pageToken={token}&filter=partner%3D%22partners%2Fnorth%22");
    suite.http("GET", &path, &Value::Null, &suite.admin()?).await?.refused(400, "PAGE_TOKEN_INVALID", "")?;
    let path = format!("/v1/deals?pageSize=1&pageToken={token}");
    suite.http("GET", &path, &Value::Null, &suite.other_tenant()?).await?.refused(400, "PAGE_TOKEN_INVALID", "")?;
    suite.finish().await
}

#[tokio::test]
async fn unknown_paths_and_verbs_are_refused() -> Result<()> {
    let (suite, deal) = with_a_deal().await?;
    let admin = suite.admin()?;
    let verb = suite.http("DELETE", "/v1/deals/one", &Value::Null, &admin).await?;
    verb.refused(405, "NOT_FOUND", "")?;
    assert!(verb.header("allow").contains("GET"), "{}", verb.header("allow"));
    suite.http("GET", "/v1/dealz", &Value::Null, &admin).await?.refused(404, "NOT_FOUND", "")?;
    suite.http("POST", "/v1/deals/one:fly", &json!({}), &admin).await?.refused(404, "NOT_FOUND", "")?;
    suite.http("GET", "/v1/deals/one", &json!({}), &admin).await?.refused(400, "INVALID_FIELD", "body")?;
    unchanged(&suite, &deal).await?;
    suite.finish().await
}
