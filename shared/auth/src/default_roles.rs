//! The default roles: for each role, which verbs it has on which nouns. `*`
//! means every verb, or every noun except `persons` and `events`, which must be
//! named.
//!
//! Verbs: `read`; `write` creates and changes; `decide` approves and rejects;
//! `sign`, `pay`, `push`, `delete` and `replay` mean what they say. A role may
//! do only what it lists, so that a new noun is closed until somebody opens it.
//! Nouns and verbs are those of the proto files: an entry that no method
//! requires fails a test.
//!
//! Scope is not decided here: a partner's caller reaches only its own
//! organization, whatever its role grants.

/// A role: its name, and verbs with the nouns that they apply to.
pub(crate) type DefaultRole = (&'static str, &'static [(&'static str, &'static str)]);

pub(crate) const DEFAULT_ROLES: &[DefaultRole] = &[
    // Runs the installation: everything, including the audit trail and the
    // parked events.
    ("admin", &[("*", "* persons events")]),
    // Runs the program. Decides everything except money that is paid out:
    // claims, commissions, rates and the ledger belong to finance.
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
    // Manages assigned partners: reads what concerns them, and moves prospects,
    // onboarding and deals forward. No settings, no money.
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
    // Runs campaigns, and decides on requests for the money to run them.
    (
        "marketing",
        &[
            ("read", "tenantSettings programs partners persons prospects enrollments camAssignments"),
            ("read", "courses certificationAwards portalActivities productLines deals mdfBudgets mdfClaims"),
            ("read", "networkQuality partnerSegments partnerActivities allocations"),
            ("*", "marketingCampaigns mdfRequests"),
        ],
    ),
    // Everything about money, and what it has to be compared with.
    ("finance", &[("read", "*"), ("*", "mdfBudgets mdfRequests mdfClaims commissionRules commissions ledgerTransactions exchangeRates")]),
    // Reports and exports.
    ("analyst", &[("read", "*")]),
    // Represents a partner organization: does what its users do, signs, and
    // manages its own people.
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
    // A CRM connector. It exchanges deals through the sync, which sees only the
    // objects of its own registration, and looks up its registration and
    // partners.
    ("connector", &[("*", "crmSync"), ("read", "crmConnectors partners")]),
    // The vendor's platform teams. They read and write as the program's people
    // do, but cannot decide, sign, pay, delete or replay: that takes a person.
    ("platform", &[("read write", "*")]),
    // Reads everything except personal data, and who did what.
    ("auditor", &[("read", "* events")]),
    // A service of the suite that acts on its own. It reads from other services
    // what no event has brought it yet, and writes only to its own store.
    ("service", &[("read", "* persons")]),
];
