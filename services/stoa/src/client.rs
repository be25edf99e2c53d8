//! The door of a suite for the commands: the public API with a token.

use std::convert::Infallible;

use anyhow::{Context, Result};
use http::{HeaderValue, Request, Response, header};
use stoa_proto::{
    analytics::v1::{
        allocation_service_client::AllocationServiceClient, network_quality_service_client::NetworkQualityServiceClient,
        partner_segment_service_client::PartnerSegmentServiceClient,
    },
    enable::v1 as enable,
    incentivize::v1 as incentivize,
    market::v1 as market,
    onboard::v1 as onboard,
    sell::v1 as sell,
};
use stoa_rpc::Channel;
use tonic::{Status, body::Body, transport::Endpoint};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

/// Bytes of an answer that a command takes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A way into a suite, in this process or another.
#[derive(Clone)]
pub struct Door(Channel);

impl Door {
    /// Calls a stack with a token.
    ///
    /// # Errors
    /// Where the token is no header value.
    pub fn new(stack: Channel, token: &str) -> Result<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).context("the token has characters that no header can carry")?;
        value.set_sensitive(true);
        let signed = stack.map_request(move |mut request: Request<Body>| {
            request.headers_mut().insert(header::AUTHORIZATION, value.clone());
            request
        });
        Ok(Self(BoxCloneSyncService::new(signed)))
    }

    /// Calls a process at an address like `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// Where the address cannot be read or nobody answers.
    pub async fn connect(address: &str, token: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(address.to_owned()).with_context(|| format!("`{address}` is not an address"))?;
        let channel = endpoint.connect().await.with_context(|| format!("nobody answers at {address}; is the suite running?"))?;
        let finished = service_fn(move |request: Request<Body>| {
            let channel = channel.clone();
            async move {
                let answer: Response<Body> = match channel.oneshot(request).await {
                    Ok(answer) => answer.map(Body::new),
                    Err(error) => Status::unavailable(format!("the connection failed: {error}")).into_http(),
                };
                Ok::<_, Infallible>(answer)
            }
        });
        Self::new(BoxCloneSyncService::new(finished), token)
    }
}

/// Clients of the services, one a method.
impl Door {
    /// Client for tenant settings.
    #[must_use]
    pub fn tenant_settings(&self) -> onboard::tenant_settings_service_client::TenantSettingsServiceClient<Channel> {
        onboard::tenant_settings_service_client::TenantSettingsServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for programs.
    #[must_use]
    pub fn programs(&self) -> onboard::program_service_client::ProgramServiceClient<Channel> {
        onboard::program_service_client::ProgramServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for tiers.
    #[must_use]
    pub fn tiers(&self) -> onboard::tier_service_client::TierServiceClient<Channel> {
        onboard::tier_service_client::TierServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for prospects.
    #[must_use]
    pub fn prospects(&self) -> onboard::prospect_service_client::ProspectServiceClient<Channel> {
        onboard::prospect_service_client::ProspectServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for agreements.
    #[must_use]
    pub fn agreements(&self) -> onboard::agreement_service_client::AgreementServiceClient<Channel> {
        onboard::agreement_service_client::AgreementServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for partners.
    #[must_use]
    pub fn partners(&self) -> onboard::partner_service_client::PartnerServiceClient<Channel> {
        onboard::partner_service_client::PartnerServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for enrollments.
    #[must_use]
    pub fn enrollments(&self) -> onboard::enrollment_service_client::EnrollmentServiceClient<Channel> {
        onboard::enrollment_service_client::EnrollmentServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for onboarding plans.
    #[must_use]
    pub fn onboarding_plans(&self) -> onboard::onboarding_plan_service_client::OnboardingPlanServiceClient<Channel> {
        onboard::onboarding_plan_service_client::OnboardingPlanServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for persons.
    #[must_use]
    pub fn persons(&self) -> onboard::person_service_client::PersonServiceClient<Channel> {
        onboard::person_service_client::PersonServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for cam assignments.
    #[must_use]
    pub fn cam_assignments(&self) -> onboard::cam_assignment_service_client::CamAssignmentServiceClient<Channel> {
        onboard::cam_assignment_service_client::CamAssignmentServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for courses.
    #[must_use]
    pub fn courses(&self) -> enable::course_service_client::CourseServiceClient<Channel> {
        enable::course_service_client::CourseServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for course completions.
    #[must_use]
    pub fn course_completions(&self) -> enable::course_completion_service_client::CourseCompletionServiceClient<Channel> {
        enable::course_completion_service_client::CourseCompletionServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for certifications.
    #[must_use]
    pub fn certifications(&self) -> enable::certification_service_client::CertificationServiceClient<Channel> {
        enable::certification_service_client::CertificationServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for certification awards.
    #[must_use]
    pub fn certification_awards(&self) -> enable::certification_award_service_client::CertificationAwardServiceClient<Channel> {
        enable::certification_award_service_client::CertificationAwardServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for portal activities.
    #[must_use]
    pub fn portal_activities(&self) -> enable::portal_activity_service_client::PortalActivityServiceClient<Channel> {
        enable::portal_activity_service_client::PortalActivityServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for marketing campaigns.
    #[must_use]
    pub fn marketing_campaigns(&self) -> market::marketing_campaign_service_client::MarketingCampaignServiceClient<Channel> {
        market::marketing_campaign_service_client::MarketingCampaignServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for product lines.
    #[must_use]
    pub fn product_lines(&self) -> sell::product_line_service_client::ProductLineServiceClient<Channel> {
        sell::product_line_service_client::ProductLineServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for deals.
    #[must_use]
    pub fn deals(&self) -> sell::deal_service_client::DealServiceClient<Channel> {
        sell::deal_service_client::DealServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for crm connectors.
    #[must_use]
    pub fn crm_connectors(&self) -> sell::crm_connector_service_client::CrmConnectorServiceClient<Channel> {
        sell::crm_connector_service_client::CrmConnectorServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for crm sync.
    #[must_use]
    pub fn crm_sync(&self) -> sell::crm_sync_service_client::CrmSyncServiceClient<Channel> {
        sell::crm_sync_service_client::CrmSyncServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for exchange rates.
    #[must_use]
    pub fn exchange_rates(&self) -> incentivize::exchange_rate_service_client::ExchangeRateServiceClient<Channel> {
        incentivize::exchange_rate_service_client::ExchangeRateServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for commission rules.
    #[must_use]
    pub fn commission_rules(&self) -> incentivize::commission_rule_service_client::CommissionRuleServiceClient<Channel> {
        incentivize::commission_rule_service_client::CommissionRuleServiceClient::new(self.0.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for commissions.
    #[must_use]
    pub fn commissions(&self) -> incentivize::commission_service_client::CommissionServiceClient<Channel> {
        incentivize::commission_service_client::CommissionServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for mdf budgets.
    #[must_use]
    pub fn mdf_budgets(&self) -> incentivize::mdf_budget_service_client::MdfBudgetServiceClient<Channel> {
        incentivize::mdf_budget_service_client::MdfBudgetServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for mdf requests.
    #[must_use]
    pub fn mdf_requests(&self) -> incentivize::mdf_request_service_client::MdfRequestServiceClient<Channel> {
        incentivize::mdf_request_service_client::MdfRequestServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for mdf claims.
    #[must_use]
    pub fn mdf_claims(&self) -> incentivize::mdf_claim_service_client::MdfClaimServiceClient<Channel> {
        incentivize::mdf_claim_service_client::MdfClaimServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for ledger.
    #[must_use]
    pub fn ledger(&self) -> incentivize::ledger_service_client::LedgerServiceClient<Channel> {
        incentivize::ledger_service_client::LedgerServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for network quality.
    #[must_use]
    pub fn network_quality(&self) -> NetworkQualityServiceClient<Channel> {
        NetworkQualityServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for segments.
    #[must_use]
    pub fn segments(&self) -> PartnerSegmentServiceClient<Channel> {
        PartnerSegmentServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Client for allocations.
    #[must_use]
    pub fn allocations(&self) -> AllocationServiceClient<Channel> {
        AllocationServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }
}
