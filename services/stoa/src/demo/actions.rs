//! Performs the actions of the schedule through the API.

use anyhow::Result;
use stoa_kernel::Timestamp;
use stoa_proto::{
    common::v1::Money, enable::v1 as enable, incentivize::v1 as incentivize, market::v1 as market, onboard::v1 as onboard, sell::v1 as sell,
};
use tonic::Status;

use super::{
    deals,
    network::{Organization, PRODUCT_LINES, TERRITORIES, TIERS, VERTICALS},
    schedule::Action,
    world::{World, date, line_name, partner},
};
use crate::client::Client;

/// The one program of the demo.
const PROGRAM: &str = "programs/channel";
/// Number of CAMs that the partners are assigned to.
const CAMS: usize = 8;

fn usd(whole: i64) -> Option<Money> {
    Some(Money { minor_units: whole * 100, currency_code: "USD".to_owned() })
}

/// Creates settings, program, tiers, CAMs, products, courses, rates, rules and
/// budgets.
pub(super) async fn set_up(client: &Client, first: Timestamp, span: u32) -> Result<()> {
    let program = onboard::Program { display_name: "Channel program".into(), descendants_visible: true, ..Default::default() };
    let request = onboard::CreateProgramRequest { program_id: "channel".into(), program: Some(program), ..Default::default() };
    client.call(request).await?;
    for (id, name, rank, threshold) in TIERS {
        let tier = onboard::Tier { display_name: name.into(), rank, revenue_threshold: usd(threshold), ..Default::default() };
        let request = onboard::CreateTierRequest { parent: PROGRAM.into(), tier_id: id.into(), tier: Some(tier), ..Default::default() };
        client.call(request).await?;
    }
    let settings = onboard::TenantSettings {
        name: "tenantSettings".into(),
        display_name: "Stoa demo".into(),
        reporting_currency: "USD".into(),
        time_zone: "UTC".into(),
        fiscal_year_start_month: 1,
        cam_hour_cost: usd(95),
        default_program: PROGRAM.into(),
        ..Default::default()
    };
    let request = onboard::UpdateTenantSettingsRequest { tenant_settings: Some(settings), ..Default::default() };
    client.call(request).await?;
    for cam in 0..CAMS {
        let person = onboard::Person { display_name: format!("Channel manager {}", cam + 1), ..Default::default() };
        let request = onboard::CreatePersonRequest { person_id: format!("cam-{cam}"), person: Some(person), ..Default::default() };
        client.call(request).await?;
    }
    products(client).await?;
    money(client, first, span).await
}

async fn products(client: &Client) -> Result<()> {
    for (line, (id, name, _)) in PRODUCT_LINES.iter().enumerate() {
        let product_line = sell::ProductLine { display_name: (*name).into(), ..Default::default() };
        let request =
            sell::CreateProductLineRequest { product_line_id: (*id).into(), product_line: Some(product_line), ..Default::default() };
        client.call(request).await?;
        let course = enable::Course {
            display_name: format!("{name} essentials"),
            product_line: line_name(line),
            language: "en".into(),
            version: 1,
            ..Default::default()
        };
        let request = enable::CreateCourseRequest { course_id: (*id).into(), course: Some(course), ..Default::default() };
        client.call(request).await?;
        let certification = enable::Certification {
            display_name: format!("{name} sales professional"),
            product_line: line_name(line),
            version: 1,
            validity_days: 365,
            ..Default::default()
        };
        let request =
            enable::CreateCertificationRequest { certification_id: (*id).into(), certification: Some(certification), ..Default::default() };
        client.call(request).await?;
    }
    Ok(())
}

/// Creates monthly rates, one commission rule and one MDF budget.
async fn money(client: &Client, first: Timestamp, span: u32) -> Result<()> {
    for (base, rate) in [("EUR", 1_084_000_000), ("GBP", 1_271_000_000)] {
        for month in 0..=span / 30 {
            let wave = i64::from(month % 5) * 6_000_000 - 12_000_000;
            let exchange_rate = incentivize::ExchangeRate {
                base_currency: base.into(),
                quote_currency: "USD".into(),
                date: date(first.plus_days(i64::from(month) * 30)),
                rate_nanos: rate + wave,
                ..Default::default()
            };
            let request = incentivize::CreateExchangeRateRequest { exchange_rate: Some(exchange_rate), ..Default::default() };
            client.call(request).await?;
        }
    }
    let rule = incentivize::CommissionRule {
        display_name: "Standard commission".into(),
        reward: Some(incentivize::commission_rule::Reward::RateBasisPoints(400)),
        effective_time: Some(first.proto()),
        ..Default::default()
    };
    let request = incentivize::CreateCommissionRuleRequest {
        commission_rule_id: "standard".into(),
        commission_rule: Some(rule),
        ..Default::default()
    };
    client.call(request).await?;
    let budget = incentivize::MdfBudget {
        display_name: "MDF".into(),
        amount: usd(20_000_000),
        start_date: date(first),
        end_date: date(first.plus_days(i64::from(span) + 365)),
        ..Default::default()
    };
    let request = incentivize::CreateMdfBudgetRequest { mdf_budget_id: "main".into(), mdf_budget: Some(budget), ..Default::default() };
    client.call(request).await?;
    Ok(())
}

/// Records the portal views of one day in batches.
pub(super) async fn browse(world: &World, day: Timestamp, views: Vec<(usize, &'static str)>) -> Result<()> {
    for chunk in views.chunks(1000) {
        let entries = chunk.iter().enumerate().map(|(i, (index, element))| {
            let o = &world.network[*index];
            enable::PortalActivityEntry {
                activity_id: format!("{}-{i}", date(day)),
                partner: partner(o),
                person: format!("persons/{}-u0", o.id),
                element: (*element).to_owned(),
                view_time: Some(day.plus_hours(9).proto()),
            }
        });
        let request = enable::RecordPortalActivityRequest { entries: entries.collect(), ..Default::default() };
        world.client.call(request).await?;
    }
    Ok(())
}

/// Performs one action.
pub(super) async fn perform(world: &World, index: usize, action: &Action, day: Timestamp) -> Result<(), Status> {
    let (client, o) = (&world.client, &world.network[index]);
    match action {
        Action::Identify => identify(client, o).await,
        Action::Qualify => advance(client, o, onboard::ProspectState::Qualified).await,
        Action::Lose => {
            let request = onboard::CloseProspectRequest {
                name: format!("prospects/{}", o.id),
                target_state: onboard::ProspectState::Lost as i32,
                reason: "chose another program".into(),
                competitor: "Rival program".into(),
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        Action::Enroll => enroll(client, o, index).await,
        Action::KickOff => {
            let name = format!("onboardingPlans/{}", o.id);
            let kind = onboard::MilestoneKind::KickOff as i32;
            client.call(onboard::CompleteMilestoneRequest { name, kind, ..Default::default() }).await.map(drop)
        }
        Action::Tier(tier) => {
            let request = onboard::AssignTierRequest {
                name: format!("enrollments/{}", o.id),
                tier: format!("{PROGRAM}/tiers/{}", TIERS[*tier].0),
                reason: "reached the tier's revenue".into(),
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        Action::Terminate(reason) => {
            let request = onboard::TerminateEnrollmentRequest {
                name: format!("enrollments/{}", o.id),
                reason: (*reason).into(),
                competitor: "Rival program".into(),
                last_touched_element: "price-list".into(),
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        // Portal views are recorded in batches, after the other actions of the day.
        Action::Portal(_) => Ok(()),
        Action::Course(..) | Action::Certify(..) => learn(client, o, action).await,
        Action::CampaignSubmit(..) | Action::CampaignDeploy(_) | Action::CampaignResults(..) => campaign(client, o, action, day).await,
        Action::MdfRequest(..) | Action::MdfApprove(_) | Action::MdfClaim(..) => mdf(client, o, action, day).await,
        _ => deals::perform(world, o, action, day).await,
    }
}

async fn identify(client: &Client, o: &Organization) -> Result<(), Status> {
    let prospect = onboard::Prospect {
        display_name: o.name.clone(),
        r#type: o.kind as i32,
        domain: format!("{}.example", o.id),
        country_code: TERRITORIES[o.territory].1.into(),
        territory: TERRITORIES[o.territory].0.into(),
        vertical: VERTICALS[o.vertical].into(),
        source: "market map".into(),
        ..Default::default()
    };
    let request = onboard::CreateProspectRequest { prospect_id: o.id.clone(), prospect: Some(prospect), ..Default::default() };
    client.call(request).await.map(drop)
}

async fn advance(client: &Client, o: &Organization, to: onboard::ProspectState) -> Result<(), Status> {
    let request = onboard::AdvanceProspectRequest { name: format!("prospects/{}", o.id), target_state: to as i32, ..Default::default() };
    client.call(request).await.map(drop)
}

async fn enroll(client: &Client, o: &Organization, index: usize) -> Result<(), Status> {
    advance(client, o, onboard::ProspectState::Applied).await?;
    let agreement = onboard::Agreement { prospect: format!("prospects/{}", o.id), program: PROGRAM.into(), ..Default::default() };
    let request = onboard::CreateAgreementRequest { agreement_id: o.id.clone(), agreement: Some(agreement), ..Default::default() };
    client.call(request).await?;
    let name = format!("agreements/{}", o.id);
    client.call(onboard::SendAgreementRequest { name: name.clone(), ..Default::default() }).await?;
    let request = onboard::SignAgreementRequest { name: name.clone(), signature_reference: "e-signature".into(), ..Default::default() };
    client.call(request).await?;
    let request = onboard::CreateEnrollmentRequest {
        enrollment_id: o.id.clone(),
        agreement: name,
        partner_id: o.id.clone(),
        parent: o.parent.as_ref().map(|p| format!("partners/{p}")).unwrap_or_default(),
        ..Default::default()
    };
    client.call(request).await?;
    let request = onboard::AssignCamRequest { partner: partner(o), person: format!("persons/cam-{}", index % CAMS), ..Default::default() };
    client.call(request).await.map(drop)
}

async fn learn(client: &Client, o: &Organization, action: &Action) -> Result<(), Status> {
    let person = |person: &u32| format!("persons/{}-u{person}", o.id);
    match action {
        Action::Course(number, line) => {
            let request = enable::RecordCourseCompletionRequest {
                partner: partner(o),
                person: person(number),
                course: format!("courses/{}", PRODUCT_LINES[*line].0),
                course_version: 1,
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        Action::Certify(number, line) => {
            let request = enable::AwardCertificationRequest {
                certification: format!("certifications/{}", PRODUCT_LINES[*line].0),
                partner: partner(o),
                person: person(number),
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn campaign(client: &Client, o: &Organization, action: &Action, day: Timestamp) -> Result<(), Status> {
    let name = |id: &str| format!("marketingCampaigns/{id}");
    match action {
        Action::CampaignSubmit(id, line) => {
            let draft = market::MarketingCampaign {
                partner: partner(o),
                display_name: format!("{} with {}", PRODUCT_LINES[*line].1, o.name),
                product_line: line_name(*line),
                co_branded: true,
                ..Default::default()
            };
            let request = market::CreateMarketingCampaignRequest {
                marketing_campaign_id: id.clone(),
                marketing_campaign: Some(draft),
                ..Default::default()
            };
            client.call(request).await?;
            client.call(market::SubmitMarketingCampaignRequest { name: name(id), ..Default::default() }).await.map(drop)
        }
        Action::CampaignDeploy(id) => {
            client.call(market::ApproveMarketingCampaignRequest { name: name(id), ..Default::default() }).await?;
            // The campaign is deployed automatically at noon.
            let schedule_time = Some(day.plus_hours(12).proto());
            let request = market::ScheduleMarketingCampaignRequest { name: name(id), schedule_time, ..Default::default() };
            client.call(request).await.map(drop)
        }
        Action::CampaignResults(id, audience, responses, leads) => {
            client.call(market::CompleteMarketingCampaignRequest { name: name(id), ..Default::default() }).await?;
            let request = market::ReportMarketingCampaignResultsRequest {
                name: name(id),
                audience_count: *audience,
                response_count: *responses,
                lead_count: *leads,
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn mdf(client: &Client, o: &Organization, action: &Action, day: Timestamp) -> Result<(), Status> {
    let amount = |minor_units: i64| Some(Money { minor_units, currency_code: "USD".into() });
    match action {
        Action::MdfRequest(id, minor) => {
            let request = incentivize::MdfRequest {
                partner: partner(o),
                mdf_budget: "mdfBudgets/main".into(),
                marketing_campaign: format!("marketingCampaigns/{id}"),
                display_name: format!("Campaign of {}", o.name),
                amount: amount(*minor),
                usage_start_date: date(day),
                usage_end_date: date(day.plus_days(40)),
                ..Default::default()
            };
            let request =
                incentivize::CreateMdfRequestRequest { mdf_request_id: id.clone(), mdf_request: Some(request), ..Default::default() };
            client.call(request).await?;
            let request = incentivize::SubmitMdfRequestRequest { name: format!("mdfRequests/{id}"), ..Default::default() };
            client.call(request).await.map(drop)
        }
        Action::MdfApprove(id) => {
            let name = format!("mdfRequests/{id}");
            client.call(incentivize::ApproveMdfRequestRequest { name: name.clone(), ..Default::default() }).await?;
            client.call(incentivize::StartMdfRequestRequest { name, ..Default::default() }).await.map(drop)
        }
        Action::MdfClaim(id, minor) => {
            let claim = incentivize::MdfClaim {
                mdf_request: format!("mdfRequests/{id}"),
                amount: amount(*minor),
                proof_references: vec![format!("invoices/{id}")],
                ..Default::default()
            };
            let request = incentivize::CreateMdfClaimRequest { mdf_claim_id: id.clone(), mdf_claim: Some(claim), ..Default::default() };
            client.call(request).await?;
            let name = format!("mdfClaims/{id}");
            client.call(incentivize::SubmitMdfClaimRequest { name: name.clone(), ..Default::default() }).await?;
            client.call(incentivize::ApproveMdfClaimRequest { name: name.clone(), ..Default::default() }).await?;
            let request = incentivize::PayMdfClaimRequest { name, payment_reference: format!("payment-{id}"), ..Default::default() };
            client.call(request).await.map(drop)
        }
        _ => Ok(()),
    }
}
