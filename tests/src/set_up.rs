//! What most journeys start from, created through the gateway.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::TestSuite;

impl TestSuite {
    /// Posts as the administrator and returns the object in the answer.
    ///
    /// # Errors
    /// If the request is refused.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.http("POST", path, &body, &self.admin()?).await?.ok().with_context(|| format!("POST {path}"))
    }

    /// Reads as the administrator.
    ///
    /// # Errors
    /// If the request is refused.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.http("GET", path, &Value::Null, &self.admin()?).await?.ok().with_context(|| format!("GET {path}"))
    }

    /// Creates a program with two tiers, a product line with a course and a
    /// certification, a commission rule of 4 % and a budget.
    ///
    /// # Errors
    /// If a step is refused.
    pub async fn set_up_program(&self) -> Result<()> {
        for (path, body) in catalog() {
            self.post(&path, body).await?;
        }
        let rule = json!({"displayName": "Standard", "rateBasisPoints": 400, "effectiveTime": "2026-01-01T00:00:00Z"});
        self.post("/v1/commissionRules?commissionRuleId=standard", rule).await?;
        let budget = json!({"displayName": "MDF", "amount": usd(1_000_000), "startDate": "2026-01-01", "endDate": "2026-12-31"});
        self.post("/v1/mdfBudgets?mdfBudgetId=main", budget).await?;
        self.settle().await
    }

    /// Takes an organization from first contact to enrollment.
    ///
    /// # Errors
    /// If a step is refused.
    pub async fn enroll(&self, id: &str) -> Result<Value> {
        let mut last = Value::Null;
        for (path, body) in enrollment(id) {
            last = self.post(&path, body).await?;
        }
        self.settle().await?;
        Ok(last)
    }

    /// Creates a deal of a partner: 1,000 USD, not submitted.
    ///
    /// # Errors
    /// If the request is refused.
    pub async fn create_deal(&self, id: &str, partner: &str) -> Result<Value> {
        self.post(&format!("/v1/deals?dealId={id}"), deal(id, partner)).await
    }
}

/// Returns an amount of whole US dollars as JSON.
fn usd(whole: i64) -> Value {
    json!({"minorUnits": (whole * 100).to_string(), "currencyCode": "USD"})
}

/// Returns the paths and bodies that create a program with two tiers, and a
/// product line with a course and a certification.
#[must_use]
pub fn catalog() -> Vec<(String, Value)> {
    let mut steps = vec![("/v1/programs?programId=channel".to_owned(), json!({"displayName": "Channel program"}))];
    for (id, rank) in [("registered", 1), ("gold", 2)] {
        let tier = json!({"displayName": id, "rank": rank, "revenueThreshold": usd(i64::from(rank - 1) * 100_000)});
        steps.push((format!("/v1/programs/channel/tiers?tierId={id}"), tier));
    }
    steps.push(("/v1/productLines?productLineId=edge".to_owned(), json!({"displayName": "Edge"})));
    let course = json!({"displayName": "Edge", "productLine": "productLines/edge", "language": "en", "version": 1});
    steps.push(("/v1/courses?courseId=edge".to_owned(), course));
    let certification = json!({"displayName": "Edge sales", "productLine": "productLines/edge", "version": 1, "validityDays": 365});
    steps.push(("/v1/certifications?certificationId=edge".to_owned(), certification));
    steps
}

/// Returns the paths and bodies that take an organization from first contact to
/// its enrollment in the program of [`catalog`].
#[must_use]
pub fn enrollment(id: &str) -> Vec<(String, Value)> {
    let prospect = json!({
        "displayName": format!("Organization {id}"), "type": "PARTNER_TYPE_RESELLER", "domain": format!("{id}.example"),
        "countryCode": "DE", "territory": "emea", "vertical": "retail",
    });
    let mut steps = vec![(format!("/v1/prospects?prospectId={id}"), prospect)];
    for state in ["QUALIFIED", "APPLIED"] {
        steps.push((format!("/v1/prospects/{id}:advance"), json!({"targetState": format!("PROSPECT_STATE_{state}")})));
    }
    let agreement = json!({"prospect": format!("prospects/{id}"), "program": "programs/channel"});
    steps.push((format!("/v1/agreements?agreementId={id}"), agreement));
    steps.push((format!("/v1/agreements/{id}:send"), json!({})));
    steps.push((format!("/v1/agreements/{id}:sign"), json!({"signatureReference": "e-signature"})));
    let enrollment = json!({"enrollmentId": id, "agreement": format!("agreements/{id}"), "partnerId": id});
    steps.push(("/v1/enrollments".to_owned(), enrollment));
    steps
}

/// Returns a deal of a partner: 1,000 USD, not submitted.
#[must_use]
pub fn deal(id: &str, partner: &str) -> Value {
    json!({
        "displayName": format!("Deal {id}"), "partner": format!("partners/{partner}"), "productLine": "productLines/edge",
        "customer": {"displayName": format!("Customer of {id}"), "domain": format!("{id}.example"), "countryCode": "DE"},
        "amount": usd(1000), "closeDate": "2026-05-01", "kind": "DEAL_KIND_NET_NEW", "pipelineStage": "PIPELINE_STAGE_PROSPECTING",
    })
}
