//! What may cost more in a bigger store, and why. The lists may only shrink.

use stoa_tests::cost::{Exception, Finding};

const ROWS: &str = "each row is an operation of its own; they will be written in batches";
const BALANCE: &str = "a trial balance adds up every posting and holds the sums against every document";

const OWN: &str = "what a partner may see is read before it is sorted, unless it is a large part of the table";

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
    (Finding::Examines("deal"), OWN, &["stoa.sell.v1.DealService/ListDeals"]),
    (
        Finding::Examines("event_parked"),
        "it sorts what should be empty; a subscription stops at 10,000",
        &["stoa.events.v1.EventService/ListParkedEvents"],
    ),
];

/// Lists that hold less than a page in the test, and why.
pub(crate) const FEW: &[(&str, &str)] = &[];
