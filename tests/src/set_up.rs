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
        self.post("/v1/programs?programId=channel", json!({"displayName": "Channel program"})).await?;
        for (id, rank) in [("registered", 1), ("gold", 2)] {
            let tier = json!({"displayName": id, "rank": rank, "revenueThreshold": usd(i64::from(rank - 1) * 100_000)});
            self.post(&format!("/v1/programs/channel/tiers?tierId={id}"), tier).await?;
        }
        self.post("/v1/productLines?productLineId=edge", json!({"displayName": "Edge"})).await?;
        self.post(
            "/v1/courses?courseId=edge",
            json!({"displayName": "Edge", "productLine": "productLines/edge", "language": "en", "version": 1}),
        )
        .await?;
        let certification = json!({"displayName": "Edge sales", "productLine": "productLines/edge", "version": 1, "validityDays": 365});
        self.post("/v1/certifications?certificationId=edge", certification).await?;
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
        let prospect = json!({
            "displayName": format!("Organization {id}"), "type": "PARTNER_TYPE_RESELLER", "domain": format!("{id}.example"),
            "countryCode": "DE", "territory": "emea", "vertical": "retail",
        });
        self.post(&format!("/v1/prospects?prospectId={id}"), prospect).await?;
        for state in ["QUALIFIED", "APPLIED"] {
            let target = json!({"targetState": format!("PROSPECT_STATE_{state}")});
            self.post(&format!("/v1/prospects/{id}:advance"), target).await?;
        }
        let agreement = json!({"prospect": format!("prospects/{id}"), "program": "programs/channel"});
        self.post(&format!("/v1/agreements?agreementId={id}"), agreement).await?;
        self.post(&format!("/v1/agreements/{id}:send"), json!({})).await?;
        self.post(&format!("/v1/agreements/{id}:sign"), json!({"signatureReference": "e-signature"})).await?;
        let enrollment = json!({"enrollmentId": id, "agreement": format!("agreements/{id}"), "partnerId": id});
        let enrollment = self.post("/v1/enrollments", enrollment).await?;
        self.settle().await?;
        Ok(enrollment)
    }

    /// Creates a deal of a partner: 1,000 USD, not submitted.
    ///
    /// # Errors
    /// If the request is refused.
    pub async fn create_deal(&self, id: &str, partner: &str) -> Result<Value> {
        let deal = json!({
            "displayName": format!("Deal {id}"), "partner": format!("partners/{partner}"), "productLine": "productLines/edge",
            "customer": {"displayName": format!("Customer of {id}"), "domain": format!("{id}.example"), "countryCode": "DE"},
            "amount": usd(1000), "closeDate": "2026-05-01", "kind": "DEAL_KIND_NET_NEW", "pipelineStage": "PIPELINE_STAGE_PROSPECTING",
        });
        self.post(&format!("/v1/deals?dealId={id}"), deal).await
    }
}

/// Returns an amount of whole US dollars as JSON.
fn usd(whole: i64) -> Value {
    json!({"minorUnits": (whole * 100).to_string(), "currencyCode": "USD"})
}
