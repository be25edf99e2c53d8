//! What the schedule's actions are in terms of the API.

use anyhow::Result;
use stoa_kernel::Timestamp;
use stoa_proto::{
    common::v1::Money, enable::v1 as enable, incentivize::v1 as incentivize, market::v1 as market, onboard::v1 as onboard, sell::v1 as sell,
};
use tonic::Status;

use super::{
    deals,
    drive::World,
    network::{Organization, PRODUCT_LINES, TERRITORIES, TIERS, VERTICALS},
    schedule::Action,
};
use crate::client::Door;

/// The one program of the demo.
const PROGRAM: &str = "programs/channel";
/// CAMs that look after the partners.
const CAMS: usize = 8;

fn usd(whole: i64) -> Option<Money> {
    Some(Money { minor_units: whole * 100, currency_code: "USD".to_owned() })
}

pub(super) fn partner(o: &Organization) -> String {
    format!("partners/{}", o.id)
}

pub(super) fn line_name(line: usize) -> String {
    format!("productLines/{}", PRODUCT_LINES[line].0)
}

pub(super) fn date(time: Timestamp) -> String {
    time.to_string()[..10].to_owned()
}

/// Settings, program, tiers, products, courses, rates, rules and budgets.
pub(super) async fn set_up(door: &Door, first: Timestamp, span: u32) -> Result<()> {
    let program = onboard::Program { display_name: "Channel program".into(), descendants_visible: true, ..Default::default() };
    let request = onboard::CreateProgramRequest { program_id: "channel".into(), program: Some(program), ..Default::default() };
    door.programs().create_program(request).await?;
    for (id, name, rank, threshold) in TIERS {
        let tier = onboard::Tier { display_name: name.into(), rank, revenue_threshold: usd(threshold), ..Default::default() };
        let request = onboard::CreateTierRequest { parent: PROGRAM.into(), tier_id: id.into(), tier: Some(tier), ..Default::default() };
        door.tiers().create_tier(request).await?;
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
    door.tenant_settings().update_tenant_settings(request).await?;
    for cam in 0..CAMS {
        let person = onboard::Person { display_name: format!("Channel manager {}", cam + 1), ..Default::default() };
        let request = onboard::CreatePersonRequest { person_id: format!("cam-{cam}"), person: Some(person), ..Default::default() };
        door.persons().create_person(request).await?;
    }
    products(door).await?;
    money(door, first, span).await
}

async fn products(door: &Door) -> Result<()> {
    for (line, (id, name, _)) in PRODUCT_LINES.iter().enumerate() {
        let product_line = sell::ProductLine { display_name: (*name).into(), ..Default::default() };
        let request =
            sell::CreateProductLineRequest { product_line_id: (*id).into(), product_line: Some(product_line), ..Default::default() };
        door.product_lines().create_product_line(request).await?;
        let course = enable::Course {
            display_name: format!("{name} essentials"),
            product_line: line_name(line),
            language: "en".into(),
            version: 1,
            ..Default::default()
        };
        let request = enable::CreateCourseRequest { course_id: (*id).into(), course: Some(course), ..Default::default() };
        door.courses().create_course(request).await?;
        let certification = enable::Certification {
            display_name: format!("{name} sales professional"),
            product_line: line_name(line),
            version: 1,
            validity_days: 365,
            ..Default::default()
        };
        let request =
            enable::CreateCertificationRequest { certification_id: (*id).into(), certification: Some(certification), ..Default::default() };
        door.certifications().create_certification(request).await?;
    }
    Ok(())
}

/// Rates by month, one commission rule, and a budget a quarter.
async fn money(door: &Door, first: Timestamp, span: u32) -> Result<()> {
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
            door.exchange_rates().create_exchange_rate(request).await?;
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
    door.commission_rules().create_commission_rule(request).await?;
    let budget = incentivize::MdfBudget {
        display_name: "MDF".into(),
        amount: usd(20_000_000),
        start_date: date(first),
        end_date: date(first.plus_days(i64::from(span) + 365)),
        ..Default::default()
    };
    let request = incentivize::CreateMdfBudgetRequest { mdf_budget_id: "main".into(), mdf_budget: Some(budget), ..Default::default() };
    door.mdf_budgets().create_mdf_budget(request).await?;
    Ok(())
}

/// All looks at the portal of one day, in one batch.
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
        world.door.portal_activities().record_portal_activity(request).await?;
    }
    Ok(())
}

/// Does one action.
pub(super) async fn perform(world: &World, index: usize, action: &Action, day: Timestamp) -> Result<(), Status> {
    let (door, o) = (&world.door, &world.network[index]);
    match action {
        Action::Identify => identify(door, o).await,
        Action::Qualify => advance(door, o, onboard::ProspectState::Qualified).await,
        Action::Lose => {
            let request = onboard::CloseProspectRequest {
                name: format!("prospects/{}", o.id),
                target_state: onboard::ProspectState::Lost as i32,
                reason: "chose another program".into(),
                competitor: "Rival program".into(),
                ..Default::default()
            };
            door.prospects().close_prospect(request).await.map(drop)
        }
        Action::Enroll => enroll(door, o, index).await,
        Action::KickOff => {
            let name = format!("onboardingPlans/{}", o.id);
            let kind = onboard::MilestoneKind::KickOff as i32;
            door.onboarding_plans()
                .complete_milestone(onboard::CompleteMilestoneRequest { name, kind, ..Default::default() })
                .await
                .map(drop)
        }
        Action::Tier(tier) => {
            let request = onboard::AssignTierRequest {
                name: format!("enrollments/{}", o.id),
                tier: format!("{PROGRAM}/tiers/{}", TIERS[*tier].0),
                reason: "reached the tier's revenue".into(),
                ..Default::default()
            };
            door.enrollments().assign_tier(request).await.map(drop)
        }
        Action::Terminate(reason) => {
            let request = onboard::TerminateEnrollmentRequest {
                name: format!("enrollments/{}", o.id),
                reason: (*reason).into(),
                competitor: "Rival program".into(),
                last_touched_element: "price-list".into(),
                ..Default::default()
            };
            door.enrollments().terminate_enrollment(request).await.map(drop)
        }
        // Looks at the portal are sent in one batch a day.
        Action::Portal(_) => Ok(()),
        Action::Course(person, line) => {
            let request = enable::RecordCourseCompletionRequest {
                partner: partner(o),
                person: format!("persons/{}-u{person}", o.id),
                course: format!("courses/{}", PRODUCT_LINES[*line].0),
                course_version: 1,
                ..Default::default()
            };
            door.course_completions().record_course_completion(request).await.map(drop)
        }
        Action::Certify(person, line) => {
            let request = enable::AwardCertificationRequest {
                certification: format!("certifications/{}", PRODUCT_LINES[*line].0),
                partner: partner(o),
                person: format!("persons/{}-u{person}", o.id),
                ..Default::default()
            };
            door.certification_awards().award_certification(request).await.map(drop)
        }
        Action::CampaignSubmit(..) | Action::CampaignDeploy(_) | Action::CampaignResults(..) => campaign(door, o, action, day).await,
        Action::MdfRequest(..) | Action::MdfApprove(_) | Action::MdfClaim(..) => mdf(door, o, action, day).await,
        _ => deals::perform(world, o, action, day).await,
    }
}

async fn identify(door: &Door, o: &Organization) -> Result<(), Status> {
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
    door.prospects().create_prospect(request).await.map(drop)
}

async fn advance(door: &Door, o: &Organization, to: onboard::ProspectState) -> Result<(), Status> {
    let request = onboard::AdvanceProspectRequest { name: format!("prospects/{}", o.id), target_state: to as i32, ..Default::default() };
    door.prospects().advance_prospect(request).await.map(drop)
}

async fn enroll(door: &Door, o: &Organization, index: usize) -> Result<(), Status> {
    advance(door, o, onboard::ProspectState::Applied).await?;
    let agreement = onboard::Agreement { prospect: format!("prospects/{}", o.id), program: PROGRAM.into(), ..Default::default() };
    let request = onboard::CreateAgreementRequest { agreement_id: o.id.clone(), agreement: Some(agreement), ..Default::default() };
    door.agreements().create_agreement(request).await?;
    let name = format!("agreements/{}", o.id);
    door.agreements().send_agreement(onboard::SendAgreementRequest { name: name.clone(), ..Default::default() }).await?;
    let request = onboard::SignAgreementRequest { name: name.clone(), signature_reference: "e-signature".into(), ..Default::default() };
    door.agreements().sign_agreement(request).await?;
    let request = onboard::CreateEnrollmentRequest {
        enrollment_id: o.id.clone(),
        agreement: name,
        partner_id: o.id.clone(),
        parent: o.parent.as_ref().map(|p| format!("partners/{p}")).unwrap_or_default(),
        ..Default::default()
    };
    door.enrollments().create_enrollment(request).await?;
    let request = onboard::AssignCamRequest { partner: partner(o), person: format!("persons/cam-{}", index % CAMS), ..Default::default() };
    door.cam_assignments().assign_cam(request).await.map(drop)
}

async fn campaign(door: &Door, o: &Organization, action: &Action, day: Timestamp) -> Result<(), Status> {
    let mut client = door.marketing_campaigns();
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
            client.create_marketing_campaign(request).await?;
            client
                .submit_marketing_campaign(market::SubmitMarketingCampaignRequest { name: name(id), ..Default::default() })
                .await
                .map(drop)
        }
        Action::CampaignDeploy(id) => {
            client.approve_marketing_campaign(market::ApproveMarketingCampaignRequest { name: name(id), ..Default::default() }).await?;
            // It deploys by itself at noon.
            let schedule_time = Some(day.plus_hours(12).proto());
            let request = market::ScheduleMarketingCampaignRequest { name: name(id), schedule_time, ..Default::default() };
            client.schedule_marketing_campaign(request).await.map(drop)
        }
        Action::CampaignResults(id, audience, responses, leads) => {
            client.complete_marketing_campaign(market::CompleteMarketingCampaignRequest { name: name(id), ..Default::default() }).await?;
            let request = market::ReportMarketingCampaignResultsRequest {
                name: name(id),
                audience_count: *audience,
                response_count: *responses,
                lead_count: *leads,
                ..Default::default()
            };
            client.report_marketing_campaign_results(request).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn mdf(door: &Door, o: &Organization, action: &Action, day: Timestamp) -> Result<(), Status> {
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
            door.mdf_requests().create_mdf_request(request).await?;
            let request = incentivize::SubmitMdfRequestRequest { name: format!("mdfRequests/{id}"), ..Default::default() };
            door.mdf_requests().submit_mdf_request(request).await.map(drop)
        }
        Action::MdfApprove(id) => {
            let name = format!("mdfRequests/{id}");
            door.mdf_requests()
                .approve_mdf_request(incentivize::ApproveMdfRequestRequest { name: name.clone(), ..Default::default() })
                .await?;
            door.mdf_requests().start_mdf_request(incentivize::StartMdfRequestRequest { name, ..Default::default() }).await.map(drop)
        }
        Action::MdfClaim(id, minor) => {
            let claim = incentivize::MdfClaim {
                mdf_request: format!("mdfRequests/{id}"),
                amount: amount(*minor),
                proof_references: vec![format!("invoices/{id}")],
                ..Default::default()
            };
            let request = incentivize::CreateMdfClaimRequest { mdf_claim_id: id.clone(), mdf_claim: Some(claim), ..Default::default() };
            door.mdf_claims().create_mdf_claim(request).await?;
            let name = format!("mdfClaims/{id}");
            door.mdf_claims().submit_mdf_claim(incentivize::SubmitMdfClaimRequest { name: name.clone(), ..Default::default() }).await?;
            door.mdf_claims().approve_mdf_claim(incentivize::ApproveMdfClaimRequest { name: name.clone(), ..Default::default() }).await?;
            let request = incentivize::PayMdfClaimRequest { name, payment_reference: format!("payment-{id}"), ..Default::default() };
            door.mdf_claims().pay_mdf_claim(request).await.map(drop)
        }
        _ => Ok(()),
    }
}
