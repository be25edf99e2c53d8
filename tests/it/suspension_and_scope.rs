//! What a partner's people may do, depending on whether it is suspended, and
//! what a CAM may do, depending on which partners are assigned to it.

use anyhow::Result;
use serde_json::{Value, json};
use stoa_auth::TokenRequest;
use stoa_tests::TestSuite;

#[tokio::test]
async fn a_suspended_partner_can_do_nothing_until_it_is_reactivated() -> Result<()> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    suite.enroll("north").await?;
    let north = suite.partner("north")?;
    suite.http("GET", "/v1/deals", &Value::Null, &north).await?.ok()?;
    suite.post("/v1/enrollments/north:suspend", json!({"reason": "unpaid invoices"})).await?;
    for path in ["/v1/deals", "/v1/partners/north", "/v1/courses", "/v1/commissions"] {
        suite.http("GET", path, &Value::Null, &north).await?.refused(403, "PARTNER_SUSPENDED", "")?;
    }
    suite.get("/v1/partners/north").await?;
    suite.post("/v1/enrollments/north:reactivate", json!({})).await?;
    suite.settle().await?;
    suite.http("GET", "/v1/deals", &Value::Null, &north).await?.ok()?;
    suite.finish().await
}

#[tokio::test]
async fn a_cam_writes_for_assigned_partners_and_reads_all() -> Result<()> {
    let suite = TestSuite::start().await?;
    suite.set_up_program().await?;
    for id in ["north", "south"] {
        suite.enroll(id).await?;
        suite.create_deal(&format!("of-{id}"), id).await?;
        suite.post(&format!("/v1/deals/of-{id}:submitRegistration"), json!({})).await?;
    }
    suite.post("/v1/persons?personId=ann", json!({"displayName": "Ann"})).await?;
    suite.post("/v1/partners/north:assignCam", json!({"person": "persons/ann"})).await?;
    suite.settle().await?;
    let token = |roles: &[&str]| {
        let roles = roles.iter().map(|r| (*r).to_owned()).collect();
        suite.token_of(TokenRequest { subject: "persons/ann".into(), roles, ..TokenRequest::default() })
    };
    let cam = token(&["cam"])?;
    for path in ["/v1/deals/of-north", "/v1/deals/of-south", "/v1/partners/south"] {
        suite.http("GET", path, &Value::Null, &cam).await?.ok()?;
    }
    let approve = "/v1/deals/of-south:approveRegistration";
    suite.http("POST", approve, &json!({}), &cam).await?.refused(403, "PARTNER_NOT_ASSIGNED", "")?;
    suite.http("POST", "/v1/deals/of-north:approveRegistration", &json!({}), &cam).await?.ok()?;
    let kick_off = json!({"kind": "MILESTONE_KIND_KICK_OFF"});
    let complete = |id: &str| format!("/v1/onboardingPlans/{id}:completeMilestone");
    suite.http("POST", &complete("south"), &kick_off, &cam).await?.refused(403, "PARTNER_NOT_ASSIGNED", "")?;
    suite.http("POST", &complete("north"), &kick_off, &cam).await?.ok()?;
    // Another role that grants it allows it for every partner.
    suite.http("POST", approve, &json!({}), &token(&["cam", "channel_ops"])?).await?.ok()?;
    suite.finish().await
}
