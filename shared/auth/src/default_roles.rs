//! The default roles: of each role, which verbs it has on which nouns. `*`
//! stands for every verb, or for every noun but `persons` and `events`, which
//! must be named.
//!
//! Verbs: `read`; `write` creates and changes; `decide` approves and rejects;
//! `sign`, `pay`, `push`, `delete` and `replay` are what they say. A role lists
//! what it may do and has nothing else, so that a new noun is closed until
//! somebody opens it. Nouns and verbs are those of the proto files: an entry
//! that no method asks for fails a test.
//!
//! Scope is not decided here: a partner's caller reaches its own organization
//! only, whatever its role grants.

/// A role: its name, and verbs with the nouns that it has them on.
pub(crate) type DefaultRole = (&'static str, &'static [(&'static str, &'static str)]);

pub(crate) const DEFAULT_ROLES: &[DefaultRole] = &[
    // Runs the installation: everything, with the audit trail and the parked events.
    ("admin", &[("*", "* persons events")]),
    // Runs the program. Decides everything that is not money paid out: claims,
    // commissions, rates and the ledger are finance's.
    (
        "channel_ops",
        &[
            ("read", "*"),
            ("write", "tenantSettings mdfBudgets mdfClaims"),
            ("*", "programs partners persons prospects agreements enrollments onboardingPlans camAssignments"),
            ("*", "courses courseCompletions certifications certificationAwards portalActivities marketingCampaigns"),
            ("*", "productLines deals crmConnectors crmSync mdfRequests allocations"),
        ],
    ),
    // Looks after assigned partners: reads what concerns them, moves prospects,
    // onboarding and deals on. No settings, no money.
    (
        "cam",
        &[
            ("read", "tenantSettings programs agreements enrollments camAssignments"),
            ("read", "courses courseCompletions certifications certificationAwards portalActivities productLines"),
            ("read", "mdfBudgets mdfClaims commissions networkQuality partnerSegments partnerActivities allocations"),
            ("read write", "partners persons marketingCampaigns mdfRequests"),
            ("*", "prospects onboardingPlans deals"),
        ],
    ),
    // Runs campaigns, and decides requests for money to run them with.
    (
        "marketing",
        &[
            ("read", "tenantSettings programs partners persons prospects enrollments camAssignments"),
            ("read", "courses certificationAwards portalActivities productLines deals mdfBudgets mdfClaims"),
            ("read", "networkQuality partnerSegments partnerActivities allocations"),
            ("*", "marketingCampaigns mdfRequests"),
        ],
    ),
    // Everything that is money, and what it has to be compared with.
    ("finance", &[("read", "*"), ("*", "mdfBudgets mdfRequests mdfClaims commissionRules commissions ledgerTransactions exchangeRates")]),
    // Reports and exports.
    ("analyst", &[("read", "*")]),
    // Speaks for a partner organization: does what its users do, signs, and
    // keeps its own people.
    (
        "partner_admin",
        &[
            ("read", "programs partners agreements enrollments onboardingPlans camAssignments"),
            ("read", "courses certifications certificationAwards productLines commissions"),
            ("read write", "persons courseCompletions portalActivities marketingCampaigns deals mdfRequests mdfClaims"),
            ("sign", "agreements"),
        ],
    ),
    // Works for a partner organization.
    (
        "partner_user",
        &[
            ("read", "programs partners persons agreements enrollments onboardingPlans camAssignments"),
            ("read", "courses certifications certificationAwards productLines commissions"),
            ("read write", "courseCompletions portalActivities marketingCampaigns deals mdfRequests mdfClaims"),
        ],
    ),
    // A CRM connector: deals come and go through the sync, which sees its own
    // registration's objects; its registration and partners are looked up.
    ("connector", &[("*", "crmSync"), ("read", "crmConnectors partners")]),
    // The vendor's platform teams: read and write as the program's people do,
    // but decide, sign, pay, delete and replay nothing: those need a person.
    ("platform", &[("read write", "*")]),
    // Reads everything that is no personal data, and who did it.
    ("auditor", &[("read", "* events")]),
    // A service of the suite that acts by itself reads from another one what no
    // event has brought it yet. It writes in its own store only.
    ("service", &[("read", "* persons")]),
];
