//! What people do with the suite, end to end.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stoa_tests::{TestSuite, start_time};

fn milestone<'a>(plan: &'a Value, kind: &str) -> &'a str {
    let all = plan["milestones"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = all.iter().find(|m| m["kind"] == format!("MILESTONE_KIND_{kind}"));
    found.and_then(|m| m["state"].as_str()).unwrap_or_default()
}

fn minor(money: &Value) -> i64 {
    money["minorUnits"].as_str().and_then(|t| t.parse().ok()).unwrap_or_default()
}

async fn learn(suite: &TestSuite, id: &str) -> Result<()> {
    let (partner, person) = (format!("partners/{id}"), format!("persons/{id}-ann"));
    let view =
        json!({"activityId": "v1", "partner": partner, "person": person, "element": "price-list", "viewTime": "2026-03-02T08:00:00Z"});
    suite.post("/v1/portalActivities:record", json!({"entries": [view]})).await?;
    let course = json!({"partner": partner, "person": person, "course": "courses/edge", "courseVersion": 1});
    suite.post("/v1/courseCompletions:record", course).await?;
    let award = json!({"certification": "certifications/edge", "partner": partner, "person": person});
    suite.post("/v1/certificationAwards:award", award).await?;
    Ok(())
}

async fn market(suite: &TestSuite, id: &str) -> Result<()> {
    let campaign = json!({"partner": format!("partners/{id}"), "displayName": "Spring", "productLine": "productLines/edge"});
    suite.post(&format!("/v1/marketingCampaigns?marketingCampaignId={id}"), campaign).await?;
    let later = json!({"scheduleTime": "2026-03-02T12:00:00Z"});
    for (step, body) in [("submit", json!({})), ("approve", json!({})), ("schedule", later), ("deploy", json!({})), ("complete", json!({}))]
    {
        suite.post(&format!("/v1/marketingCampaigns/{id}:{step}"), body).await?;
    }
    let results = json!({"audienceCount": "200", "responseCount": "20", "leadCount": "3"});
    suite.post(&format!("/v1/marketingCampaigns/{id}:reportResults"), results).await?;
    Ok(())
}

async fn sell(suite: &TestSuite, deal: &str, partner: &str) -> Result<()> {
    suite.create_deal(deal, partner).await?;
    let submitted = suite.post(&format!("/v1/deals/{deal}:submitRegistration"), json!({})).await?;
    assert_eq!(submitted["registrationState"], "REGISTRATION_STATE_SUBMITTED");
    let approved = suite.post(&format!("/v1/deals/{deal}:approveRegistration"), json!({})).await?;
    assert_eq!(approved["registrationState"], "REGISTRATION_STATE_APPROVED");
    assert!(approved["protectEndTime"].is_string());
    let won = suite.post(&format!("/v1/deals/{deal}:win"), json!({})).await?;
    assert_eq!(won["pipelineStage"], "PIPELINE_STAGE_WON");
    Ok(())
}

/// A partner is recruited, enrolled, onboarded by what it does, sells, and
/// appears in the report.
async fn from_prospect_to_report(shuffle_seed: Option<u64>) -> Result<()> {
    let suite = TestSuite::start_with(shuffle_seed, start_time()).await?;
    suite.set_up_program().await?;
    let enrollment = suite.enroll("north").await?;
    assert_eq!(enrollment["status"], "ENROLLMENT_STATUS_ENROLLED");
    assert_eq!(enrollment["tier"], "programs/channel/tiers/registered");
    assert_eq!(suite.get("/v1/prospects/north").await?["state"], "PROSPECT_STATE_CONVERTED");
    assert_eq!(suite.get("/v1/agreements/north").await?["state"], "AGREEMENT_STATE_EFFECTIVE");

    let before = suite.get("/v1/networkQuality").await?;
    assert_eq!(before["headline"]["activeRatio"]["numerator"], "0", "{before}");
    assert_eq!(before["headline"]["activeRatio"]["denominator"], "1", "{before}");

    learn(&suite, "north").await?;
    market(&suite, "north").await?;
    sell(&suite, "one", "north").await?;
    suite.settle().await?;

    let plan = suite.get("/v1/onboardingPlans/north").await?;
    for kind in ["PORTAL", "PRODUCT_COURSE", "SALES_CERTIFICATION", "FIRST_REGISTRATION", "FIRST_CAMPAIGN"] {
        assert_eq!(milestone(&plan, kind), "MILESTONE_STATE_COMPLETED", "{kind} with seed {shuffle_seed:?}: {plan}");
    }
    for kind in ["KICK_OFF", "FIRST_REVIEW"] {
        assert_ne!(milestone(&plan, kind), "MILESTONE_STATE_COMPLETED", "no fact completes {kind}");
        suite.post("/v1/onboardingPlans/north:completeMilestone", json!({"kind": format!("MILESTONE_KIND_{kind}")})).await?;
    }
    assert!(suite.get("/v1/onboardingPlans/north").await?["completeTime"].is_string());
    suite.settle().await?;
    money_and_report(&suite).await.with_context(|| format!("seed {shuffle_seed:?}"))?;
    suite.finish().await
}

/// A commission of 4 % of 1,000 USD, balanced; one active partner out of one,
/// with its revenue.
async fn money_and_report(suite: &TestSuite) -> Result<()> {
    let commissions = suite.get("/v1/commissions").await?;
    assert_eq!(commissions["commissions"].as_array().map(Vec::len), Some(1), "{commissions}");
    let commission = &commissions["commissions"][0];
    assert_eq!((&commission["partner"], &commission["deal"]), (&json!("partners/north"), &json!("deals/one")));
    assert_eq!(minor(&commission["amount"]), 4000, "{commission}");
    let balance = suite.get("/v1/trialBalance").await?;
    assert_eq!(balance["balanced"], true, "{balance}");
    assert_eq!(balance["findings"], json!([]));
    let payable = balance["balances"].as_array().into_iter().flatten().find(|b| b["account"] == "LEDGER_ACCOUNT_COMMISSION_PAYABLE");
    assert_eq!(payable.map(|b| minor(&b["credit"])), Some(4000), "{balance}");

    let report = suite.get("/v1/networkQuality?breakdowns=BREAKDOWN_TYPE").await?;
    let figures = &report["headline"];
    assert_eq!((&figures["enrolledCount"], &figures["activeCount"]), (&json!("1"), &json!("1")), "{report}");
    assert_eq!(figures["activeRatio"]["value"], 1.0);
    assert_eq!(minor(&figures["channelRevenue"]["total"]), 100_000, "{report}");
    assert_eq!(minor(&figures["channelRevenue"]["fromActive"]), 100_000);
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(1), "{report}");
    let behind = suite.get("/v1/networkQuality/partners?metric=QUALITY_METRIC_ACTIVE").await?;
    assert_eq!(behind["metricPartners"][0]["partner"], "partners/north");
    Ok(())
}

#[tokio::test]
async fn a_partner_is_recruited_onboarded_and_sells() -> Result<()> {
    from_prospect_to_report(None).await
}

/// Events arrive late, twice and in any order, and the result is the same.
#[tokio::test]
async fn the_order_of_events_makes_no_difference() -> Result<()> {
    for seed in 1..=3 {
        from_prospect_to_report(Some(seed)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn marketing_funds_from_request_to_payment() -> Result<()> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    suite.enroll("north").await?;
    let (partner, admin) = (suite.partner("north")?, suite.admin()?);
    let funds = |whole: i64| json!({"minorUnits": (whole * 100).to_string(), "currencyCode": "USD"});
    let request = json!({
        "partner": "partners/north", "displayName": "Fair", "amount": funds(500),
        "usageStartDate": "2026-03-02", "usageEndDate": "2026-04-02",
    });
    // A partner sees no budget and cannot name one. The approver does.
    let mut named = request.clone();
    named["mdfBudget"] = json!("mdfBudgets/main");
    let named = suite.http("POST", "/v1/mdfRequests", &named, &partner).await?;
    named.refused(400, "REFERENCE_NOT_FOUND", "mdf_request.mdf_budget")?;
    let request = suite.http("POST", "/v1/mdfRequests", &request, &partner).await?.ok()?;
    let request = request["name"].as_str().unwrap_or_default();
    suite.http("POST", &format!("/v1/{request}:submit"), &json!({}), &partner).await?.ok()?;
    suite.http("POST", &format!("/v1/{request}:approve"), &json!({}), &partner).await?.refused(403, "PERMISSION_MISSING", "")?;
    suite.http("POST", &format!("/v1/{request}:approve"), &json!({}), &admin).await?.refused(400, "MDF_BUDGET_MISSING", "mdf_budget")?;
    suite.post(&format!("/v1/{request}:approve"), json!({"mdfBudget": "mdfBudgets/main"})).await?;
    suite.http("POST", &format!("/v1/{request}:start"), &json!({}), &partner).await?.ok()?;
    let claim = json!({"mdfRequest": request, "amount": funds(450), "proofReferences": ["invoices/7"]});
    let claim = suite.http("POST", "/v1/mdfClaims", &claim, &partner).await?.ok()?;
    let claim = claim["name"].as_str().unwrap_or_default();
    suite.http("POST", &format!("/v1/{claim}:submit"), &json!({}), &partner).await?.ok()?;
    suite.http("POST", &format!("/v1/{claim}:approve"), &json!({}), &admin).await?.ok()?;
    let paid = suite.post(&format!("/v1/{claim}:pay"), json!({"paymentReference": "wire-7"})).await?;
    assert_eq!(paid["state"], "MDF_CLAIM_STATE_PAID");
    assert_eq!(minor(&suite.get(&format!("/v1/{request}")).await?["paidAmount"]), 45_000);
    let again = suite.http("POST", &format!("/v1/{claim}:pay"), &json!({}), &admin).await?;
    again.refused(400, "STATE_INVALID", "")?;
    let balance = suite.get("/v1/trialBalance").await?;
    assert_eq!((&balance["balanced"], &balance["findings"]), (&json!(true), &json!([])), "{balance}");
    suite.finish().await
}

#[tokio::test]
async fn a_partner_sees_only_its_own_deals() -> Result<()> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    for id in ["north", "south"] {
        suite.enroll(id).await?;
        sell(&suite, &format!("of-{id}"), id).await?;
    }
    suite.settle().await?;
    for (own, other) in [("north", "south"), ("south", "north")] {
        let token = suite.partner(own)?;
        let deals = suite.http("GET", "/v1/deals", &Value::Null, &token).await?.ok()?;
        assert_eq!(deals["deals"].as_array().map(Vec::len), Some(1), "{deals}");
        assert_eq!(deals["deals"][0]["name"], format!("deals/of-{own}"));
        for path in [
            format!("/v1/deals/of-{other}"),
            format!("/v1/partners/{other}"),
            format!("/v1/enrollments/{other}"),
            format!("/v1/onboardingPlans/{other}"),
        ] {
            suite.http("GET", &path, &Value::Null, &token).await?.refused(404, "NOT_FOUND", "")?;
        }
        let filter = format!("/v1/deals?filter=partner%3D%22partners%2F{other}%22");
        assert_eq!(suite.http("GET", &filter, &Value::Null, &token).await?.ok()?["deals"], json!([]));
        let commissions = suite.http("GET", "/v1/commissions", &Value::Null, &token).await?.ok()?;
        assert_eq!(commissions["commissions"].as_array().map(Vec::len), Some(1), "{commissions}");
        // The answer is the same as if the other partner did not exist.
        let deal = json!({"displayName": "Theirs", "partner": format!("partners/{other}"), "pipelineStage": "PIPELINE_STAGE_PROSPECTING"});
        suite.http("POST", "/v1/deals", &deal, &token).await?.refused(400, "REFERENCE_NOT_FOUND", "deal.partner")?;
        suite.http("GET", "/v1/networkQuality", &Value::Null, &token).await?.refused(403, "PERMISSION_MISSING", "")?;
    }
    suite.finish().await
}

#[tokio::test]
async fn a_bulk_enrollment_rejects_a_bad_row_and_enrolls_the_others() -> Result<()> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    let row = |id: &str, kind: &str| {
        let partner = json!({"displayName": format!("Organization {id}"), "type": kind});
        json!({"bulkEnrollmentId": "first", "row": {"rowId": id, "partnerId": id, "partner": partner, "program": "programs/channel"}})
            .to_string()
    };
    let rows = [row("a", "PARTNER_TYPE_VAR"), row("b", "PARTNER_TYPE_UNSPECIFIED"), row("c", "PARTNER_TYPE_MSP")].join("\n");
    let outcomes = |lines: &[Value]| {
        lines.iter().map(|l| l["outcome"].as_str().unwrap_or_default().replace("BULK_ENROLL_OUTCOME_", "")).collect::<Vec<_>>()
    };
    let admin = suite.admin()?;
    let first = suite.send("POST", "/v1/enrollments:bulkEnroll", rows.clone(), &admin, &[]).await?;
    assert_eq!(first.header("content-type"), "application/x-ndjson");
    let first = first.lines()?;
    assert_eq!(outcomes(&first), ["ENROLLED", "REJECTED", "ENROLLED"], "{first:?}");
    assert_eq!((&first[1]["rowId"], &first[1]["errors"][0]["field"]), (&json!("b"), &json!("partner.type")), "{first:?}");
    suite.settle().await?;
    let second = suite.send("POST", "/v1/enrollments:bulkEnroll", rows, &admin, &[]).await?.lines()?;
    assert_eq!(outcomes(&second), ["ENROLLED", "REJECTED", "ENROLLED"], "{second:?}");
    assert_eq!((&second[0]["replayed"], &second[0]["enrollment"]), (&json!(true), &first[0]["enrollment"]));
    let all = suite.get("/v1/enrollments").await?;
    assert_eq!(all["enrollments"].as_array().map(Vec::len), Some(2), "{all}");
    suite.settle().await?;
    assert_eq!(suite.get("/v1/networkQuality").await?["headline"]["enrolledCount"], "2");
    suite.finish().await
}
