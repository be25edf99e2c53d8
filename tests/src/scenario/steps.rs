//! The steps of a round. The object that a step is about is the last one of its
//! collection that was created or named.

use serde_json::{Value, json};
use stoa_kernel::Timestamp;

use super::{Round, Step, step};

pub(super) fn all(round: &Round, now: Timestamp) -> Vec<Step> {
    let r = &Names { id: round.partner.clone(), nth: round.nth, parent: round.parent.clone(), now };
    [products(r), programs(r), recruitment(r), enrollment(r), people(r), plans(r), learning(r), rewards(r), deals(r)]
        .into_iter()
        .chain([crm(r), campaigns(r), funds(r), claims(r), ledger(r), bulk(r), events(), analytics(r)])
        .flatten()
        .collect()
}

struct Names {
    id: String,
    nth: u32,
    parent: String,
    now: Timestamp,
}

impl Names {
    fn id(&self, which: &str) -> String {
        format!("{}-{which}", self.id)
    }

    fn of(&self, collection: &str, which: &str) -> String {
        format!("{collection}/{}", self.id(which))
    }

    fn partner(&self) -> String {
        format!("partners/{}", self.id)
    }
}

fn usd(cents: i64) -> Value {
    json!({"minorUnits": cents.to_string(), "currencyCode": "USD"})
}

fn products(r: &Names) -> Vec<Step> {
    vec![
        step("CreateProductLine").id(&r.id("core")),
        step("CreateProductLine").id(&r.id("edge")),
        step("GetProductLine"),
        step("ListProductLines"),
    ]
}

fn programs(r: &Names) -> Vec<Step> {
    let tier = |rank: i32, threshold: i64| json!({"tier": {"displayName": "Tier", "rank": rank, "revenueThreshold": usd(threshold)}});
    vec![
        step("UpdateTenantSettings").with(json!({"tenantSettings": {"displayName": format!("Vendor of {}", r.id)}})),
        step("GetTenantSettings"),
        step("CreateProgram").id(&r.id("second")),
        step("CreateTier").id("entry"),
        step("CreateProgram").id(&r.id("first")).with(json!({"program": {"descendantsVisible": true}})),
        step("GetProgram"),
        step("ListPrograms"),
        step("UpdateProgram"),
        step("CreateTier").id("silver").with(tier(1, 0)),
        step("CreateTier").id("gold").with(tier(2, 100_000)),
        step("GetTier"),
        step("ListTiers"),
        step("UpdateTier"),
    ]
}

fn recruitment(r: &Names) -> Vec<Step> {
    vec![
        step("CreateProspect").id(&r.id("lost")),
        step("CloseProspect").with(json!({"targetState": "PROSPECT_STATE_LOST"})),
        step("CreateProspect").id(&r.id("won")).with(json!({"prospect": {"domain": format!("{}.example", r.id), "countryCode": "DE"}})),
        step("GetProspect"),
        step("ListProspects"),
        step("UpdateProspect"),
        step("AdvanceProspect"),
        step("CloseProspect"),
        step("ReopenProspect"),
        step("AdvanceProspect").with(json!({"targetState": "PROSPECT_STATE_APPLIED"})),
    ]
}

fn enrollment(r: &Names) -> Vec<Step> {
    let party = |program: &str| json!({"agreement": {"prospect": "", "partner": r.partner(), "program": r.of("programs", program)}});
    let enrollment =
        json!({"partnerId": r.id, "parent": if r.parent.is_empty() { String::new() } else { format!("partners/{}", r.parent) }});
    vec![
        step("CreateAgreement").id(&r.id("first")),
        step("SendAgreement"),
        step("SignAgreement"),
        step("GetAgreement"),
        step("ListAgreements"),
        step("CreateEnrollment").id(&r.id("first")).with(enrollment),
        step("CreateAgreement").id(&r.id("second")).with(party("second")),
        step("SendAgreement"),
        step("SignAgreement"),
        step("CreateEnrollment").id(&r.id("second")),
        step("CreateAgreement").id(&r.id("declined")).with(party("second")),
        step("SendAgreement"),
        step("DeclineAgreement"),
        step("CreateAgreement").id(&r.id("void")).with(party("second")),
        step("CancelAgreement").with(json!({"targetState": "AGREEMENT_STATE_VOIDED"})),
        step("GetEnrollment"),
        step("ListEnrollments"),
        step("SuspendEnrollment"),
        step("ReactivateEnrollment"),
        step("TerminateEnrollment"),
        step("AssignTier").on(&r.of("enrollments", "first")).on(&format!("{}/tiers/gold", r.of("programs", "first"))),
        step("AuthorizeProductLines").with(json!({"productLines": [r.of("productLines", "core"), r.of("productLines", "edge")]})),
    ]
}

fn people(r: &Names) -> Vec<Step> {
    vec![
        step("GetPartner").on(&r.partner()),
        step("ListPartners"),
        step("UpdatePartner"),
        step("CreatePerson").id(&r.id("gone")),
        step("DeletePerson"),
        step("CreatePerson").id(&r.id("bob")),
        step("CreatePerson").id(&r.id("ann")),
        step("GetPerson"),
        step("ListPersons"),
        step("AssignCam"),
        step("GetCamAssignment"),
        step("ListCamAssignments"),
    ]
}

fn plans(r: &Names) -> Vec<Step> {
    let kind = |kind: &str| json!({"kind": format!("MILESTONE_KIND_{kind}")});
    vec![
        step("GetOnboardingPlan").on(&r.of("onboardingPlans", "first")),
        step("ListOnboardingPlans"),
        step("BlockMilestone").with(kind("KICK_OFF")),
        step("CompleteMilestone").with(kind("KICK_OFF")),
        step("WaiveMilestone").with(kind("FIRST_REVIEW")),
    ]
}

fn learning(r: &Names) -> Vec<Step> {
    let award =
        |id: &str, person: &str| step("AwardCertification").with(json!({"certificationAwardId": r.id(id)})).on(&r.of("persons", person));
    let view = |id: &str, element: &str| json!({"activityId": r.id(id), "partner": r.partner(), "person": r.of("persons", "ann"), "element": element});
    vec![
        step("CreateCourse").id(&r.id("basics")).settled(),
        step("CreateCourse").id(&r.id("sales")),
        step("GetCourse"),
        step("ListCourses"),
        step("UpdateCourse"),
        step("CreateCertification").id(&r.id("basics")),
        step("CreateCertification").id(&r.id("sales")).with(json!({"certification": {"validityDays": 365}})),
        step("GetCertification"),
        step("ListCertifications"),
        step("RecordCourseCompletion").on(&r.of("persons", "bob")),
        step("RecordCourseCompletion").on(&r.of("persons", "ann")),
        step("GetCourseCompletion"),
        step("ListCourseCompletions"),
        award("ann", "ann"),
        award("bob", "bob"),
        step("GetCertificationAward"),
        step("ListCertificationAwards"),
        step("RevokeCertificationAward"),
        step("RecordPortalActivity").with(json!({"entries": [view("v1", "price-list"), view("v2", "forms/deal")]})),
        step("ListPortalActivities"),
    ]
}

fn rewards(r: &Names) -> Vec<Step> {
    let day = crate::start_time().plus_days(-i64::from(r.nth)).to_string();
    let rate = |base: &str| json!({"baseCurrency": base, "quoteCurrency": "USD", "date": day.get(..10), "rateNanos": "1084000000"});
    vec![
        step("CreateCommissionRule").id(&r.id("standard")),
        step("CreateCommissionRule").id(&r.id("extra")),
        step("GetCommissionRule"),
        step("ListCommissionRules"),
        step("CreateExchangeRate").with(json!({"exchangeRate": rate("EUR")})),
        step("GetExchangeRate"),
        step("ListExchangeRates"),
        step("UpdateExchangeRate"),
        step("BatchCreateExchangeRates").with(json!({"exchangeRates": [rate("CHF"), rate("GBP")]})),
    ]
}

fn deals(r: &Names) -> Vec<Step> {
    let create = |id: &str| {
        step("CreateDeal").id(&r.id(id)).with(json!({"deal": {
            "displayName": format!("Deal {id}"), "partner": r.partner(), "productLine": r.of("productLines", "edge"), "amount": usd(100_000),
            "customer": {"displayName": "Customer", "domain": format!("{}.example", r.id(id)), "countryCode": "DE"},
        }}))
    };
    vec![
        create("lost").settled(),
        step("LoseDeal"),
        create("rejected"),
        step("SubmitDealRegistration"),
        step("RejectDealRegistration"),
        create("withdrawn"),
        step("SubmitDealRegistration"),
        step("WithdrawDealRegistration"),
        create("won"),
        step("GetDeal"),
        step("ListDeals"),
        step("UpdateDeal").with(json!({"deal": {"displayName": "Deal to win"}})),
        step("SubmitDealRegistration"),
        step("RequestDealAction"),
        step("SubmitDealRegistration"),
        step("ApproveDealRegistration"),
        step("ExtendDealProtection"),
        step("AdvanceDealStage").with(json!({"targetStage": "PIPELINE_STAGE_ENGAGING"})),
        step("WinDeal"),
        step("CorrectDeal").with(json!({"amount": usd(120_000)})),
        step("ListCommissions").settled(),
        step("GetCommission"),
        step("ExpireCommissionRule"),
    ]
}

fn crm(r: &Names) -> Vec<Step> {
    let maps = json!({
        "productMap": [{"remoteProduct": "Edge", "productLine": r.of("productLines", "edge")}],
        "stageMap": [{"remoteStage": "Open", "pipelineStage": "PIPELINE_STAGE_ENGAGING"}],
    });
    let row = |id: &str| {
        let deal = json!({"product": "Edge", "stage": "Open", "partner": r.partner(), "accountName": "Account", "accountDomain": format!("{id}.example")});
        json!({"object": "CRM_OBJECT_DEAL", "remoteId": id, "remoteVersion": "1", "deal": deal})
    };
    vec![
        step("CreateCrmConnector").id(&r.id("spare")),
        step("CreateCrmConnector").id(&r.id("crm")).with(json!({"crmConnector": maps})),
        step("GetCrmConnector"),
        step("ListCrmConnectors"),
        step("UpdateCrmConnector"),
        step("BatchPushChanges").with(json!({"rows": [row("one"), row("two")]})),
        step("PushChanges").with(json!({"row": row("three")})),
    ]
}

fn campaigns(r: &Names) -> Vec<Step> {
    let create = |id: &str| step("CreateMarketingCampaign").id(&r.id(id));
    vec![
        create("canceled"),
        step("CancelMarketingCampaign"),
        create("rejected"),
        step("SubmitMarketingCampaign"),
        step("RejectMarketingCampaign"),
        create("spring").with(json!({"marketingCampaign": {"coBranded": true}})),
        step("GetMarketingCampaign"),
        step("ListMarketingCampaigns"),
        step("UpdateMarketingCampaign"),
        step("SubmitMarketingCampaign"),
        step("ApproveMarketingCampaign"),
        step("ScheduleMarketingCampaign").with(json!({"scheduleTime": r.now.plus_days(1).to_string()})),
        step("DeployMarketingCampaign"),
        step("CompleteMarketingCampaign"),
        step("ReportMarketingCampaignResults").with(json!({"audienceCount": "1000", "responseCount": "30", "leadCount": "3"})),
    ]
}

fn funds(r: &Names) -> Vec<Step> {
    let create = |id: &str| {
        let budget = r.of("mdfBudgets", "main");
        step("CreateMdfRequest").id(&r.id(id)).with(json!({"mdfRequest": {"mdfBudget": budget, "amount": usd(50_000)}}))
    };
    vec![
        step("CreateMdfBudget").id(&r.id("spare")),
        step("CreateMdfBudget").id(&r.id("main")).with(json!({"mdfBudget": {"amount": usd(100_000)}})),
        step("GetMdfBudget"),
        step("ListMdfBudgets"),
        create("canceled"),
        step("CancelMdfRequest"),
        create("rejected"),
        step("SubmitMdfRequest"),
        step("RejectMdfRequest"),
        create("fair"),
        step("GetMdfRequest"),
        step("ListMdfRequests"),
        step("SubmitMdfRequest"),
        step("ApproveMdfRequest"),
        step("StartMdfRequest"),
    ]
}

fn claims(r: &Names) -> Vec<Step> {
    let create = |id: &str| step("CreateMdfClaim").id(&r.id(id));
    let submit = || step("SubmitMdfClaim").with(json!({"proofReferences": ["invoices/7"]}));
    vec![
        create("rejected"),
        submit(),
        step("RejectMdfClaim"),
        create("paid"),
        step("GetMdfClaim"),
        step("ListMdfClaims"),
        submit(),
        step("ApproveMdfClaim"),
        step("PayMdfClaim"),
    ]
}

fn ledger(_: &Names) -> Vec<Step> {
    vec![step("ListLedgerTransactions"), step("GetTrialBalance")]
}

/// Enrolls one more partner.
fn bulk(r: &Names) -> Vec<Step> {
    let row = json!({"partnerId": r.id("bulk"), "program": r.of("programs", "first")});
    vec![
        step("BulkEnroll").with(json!({"bulkEnrollmentId": r.id("bulk"), "row": row})),
        step("AssignCam").on(&format!("partners/{}", r.id("bulk"))),
    ]
}

fn events() -> Vec<Step> {
    vec![step("ListEvents").settled(), step("ReadEvents"), step("ListParkedEvents"), step("ReplayParkedEvents")]
}

fn analytics(r: &Names) -> Vec<Step> {
    vec![
        step("GetNetworkQuality").settled(),
        step("ListMetricPartners"),
        step("ListPartnerSegments"),
        step("GetPartnerActivity").on(&r.partner()),
        step("ComputeAllocation"),
    ]
}
