//! Methods that may cost more in a bigger store, and why. The lists may only
//! shrink.

use stoa_tests::cost::{Exception, Finding};

const BALANCE: &str = "a trial balance adds up every posting and compares the sums with every document";

const VISIBLE: &str = "what a partner may see is read before it is sorted, unless it is a large part of the table";

const TRIAL_BALANCE: &[&str] = &["stoa.incentivize.v1.LedgerService/GetTrialBalance"];

/// Finding, why it is acceptable or what will change it, and its methods.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    (Finding::Examines("commission"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("ledger_posting"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("ledger_transaction"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("mdf_budget"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("mdf_claim"), BALANCE, TRIAL_BALANCE),
    (Finding::Examines("deal"), VISIBLE, &["stoa.sell.v1.DealService/ListDeals"]),
    (
        Finding::Examines("event_parked"),
        "it sorts a table that should be empty; a subscription stops at 10,000",
        &["stoa.events.v1.EventService/ListParkedEvents"],
    ),
];

/// Lists that have less than a page in the test, and why.
pub(crate) const FEW: &[(&str, &str)] = &[];
