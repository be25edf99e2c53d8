//! What may cost more in a bigger store, and why. The lists may only shrink.

use stoa_tests::cost::{Exception, Finding};

/// A partner with nobody below is found by an index; one that sees thousands is
/// not yet told apart.
const VISIBILITY: &str = "of a partner that sees thousands below, all of them are read first; how to read will follow their number";
const ROWS: &str = "each row is an operation of its own; they will be written in batches";
const BALANCE: &str = "a trial balance adds up every posting and holds the sums against every document";

const BATCHES: &[&str] = &[
    "stoa.incentivize.v1.ExchangeRateService/BatchCreateExchangeRates",
    "stoa.onboard.v1.EnrollmentService/BulkEnroll",
    "stoa.sell.v1.CrmSyncService/BatchPushChanges",
    "stoa.sell.v1.CrmSyncService/PushChanges",
];
const TRIAL_BALANCE: &[&str] = &["stoa.incentivize.v1.LedgerService/GetTrialBalance"];

/// What is found, why it is as it should be or what will change it, of which
/// methods.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    (Finding::Trips, ROWS, BATCHES),
    (Finding::Statements, ROWS, BATCHES),
    (Finding::Examines("commission"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("ledger_posting"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("ledger_transaction"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("mdf_budget"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("mdf_claim"), BALANCE, TRIAL_BALANCE),
    (
        Finding::Examines("event_parked"),
        "it sorts what should be empty; a subscription stops at 10,000",
        &["stoa.events.v1.EventService/ListParkedEvents"],
    ),
    (Finding::Examines("agreement"), VISIBILITY, &["stoa.onboard.v1.AgreementService/ListAgreements"]),
    (Finding::Examines("cam_assignment"), VISIBILITY, &["stoa.onboard.v1.CamAssignmentService/ListCamAssignments"]),
    (Finding::Examines("certification_award"), VISIBILITY, &["stoa.enable.v1.CertificationAwardService/ListCertificationAwards"]),
    (Finding::Examines("commission"), VISIBILITY, &["stoa.incentivize.v1.CommissionService/ListCommissions"]),
    (Finding::Examines("course_completion"), VISIBILITY, &["stoa.enable.v1.CourseCompletionService/ListCourseCompletions"]),
    (Finding::Examines("deal"), VISIBILITY, &["stoa.sell.v1.DealService/ListDeals"]),
    (Finding::Examines("mdf_claim"), VISIBILITY, &["stoa.incentivize.v1.MdfClaimService/ListMdfClaims"]),
    (
        Finding::Examines("partner_ancestor"),
        VISIBILITY,
        &[
            "stoa.enable.v1.CertificationAwardService/GetCertificationAward",
            "stoa.enable.v1.CourseCompletionService/GetCourseCompletion",
            "stoa.incentivize.v1.CommissionService/GetCommission",
            "stoa.incentivize.v1.MdfClaimService/GetMdfClaim",
            "stoa.incentivize.v1.MdfRequestService/GetMdfRequest",
            "stoa.incentivize.v1.MdfRequestService/ListMdfRequests",
            "stoa.market.v1.MarketingCampaignService/GetMarketingCampaign",
            "stoa.market.v1.MarketingCampaignService/ListMarketingCampaigns",
            "stoa.onboard.v1.AgreementService/GetAgreement",
            "stoa.onboard.v1.CamAssignmentService/GetCamAssignment",
            "stoa.onboard.v1.EnrollmentService/GetEnrollment",
            "stoa.onboard.v1.EnrollmentService/ListEnrollments",
            "stoa.onboard.v1.OnboardingPlanService/GetOnboardingPlan",
            "stoa.onboard.v1.OnboardingPlanService/ListOnboardingPlans",
            "stoa.onboard.v1.PartnerService/ListPartners",
            "stoa.onboard.v1.PersonService/GetPerson",
            "stoa.sell.v1.DealService/GetDeal",
        ],
    ),
    (Finding::Examines("person"), VISIBILITY, &["stoa.onboard.v1.PersonService/ListPersons"]),
    (Finding::Examines("portal_activity"), VISIBILITY, &["stoa.enable.v1.PortalActivityService/ListPortalActivities"]),
];

/// Lists that hold less than a page in the test, and why.
pub(crate) const FEW: &[(&str, &str)] = &[];
