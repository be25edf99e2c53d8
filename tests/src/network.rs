//! One richly filled network, for tests that cover every noun.

use std::time::Duration;

use anyhow::Result;
use stoa::suite::Observers;
use stoa_auth::TokenRequest;

use crate::{
    TestSuite,
    scenario::{Round, Scenario},
};

/// The tenant whose objects others must not reach.
pub const TENANT: &str = "acme";
/// Another tenant, filled in the same way.
pub const OTHER_TENANT: &str = "globex";
/// A distributor, above [`DEALER`], which it sees.
pub const DISTRIBUTOR: &str = "upper";
/// A dealer, below [`DISTRIBUTOR`].
pub const DEALER: &str = "north";
/// A partner that is related to neither.
pub const STRANGER: &str = "south";

/// A role with every permission, for a partner's people: only their reach limits
/// what they can do.
const ALL_OF_A_PARTNER: &str = "partner_everything";

/// Starts a suite with two tenants. [`TENANT`] has a distributor, its dealer
/// and a stranger, each with at least two objects of every noun. All events are
/// delivered, and a day has passed.
///
/// # Errors
/// If a call is refused.
pub async fn network() -> Result<TestSuite> {
    observed_network(None).await
}

/// Like [`network`], with observers of what the stores run.
///
/// # Errors
/// If a call is refused.
pub async fn observed_network(observers: Option<Observers>) -> Result<TestSuite> {
    let permissions = ["*.*", "persons.*", "events.*"];
    let suite = TestSuite::start_with_role_observed(ALL_OF_A_PARTNER, &permissions, observers).await?;
    let dealer = Round { parent: DISTRIBUTOR.to_owned(), ..Round::new(DEALER, 2) };
    for round in [Round::new(DISTRIBUTOR, 1), dealer, Round::new(STRANGER, 3), other_round("foreign", 4)] {
        Scenario::play(&suite, round).await?;
    }
    // Reports cover what happened before the current day began.
    suite.clock.advance(Duration::from_hours(24));
    Ok(suite)
}

/// Creates a round in the other tenant.
#[must_use]
pub fn other_round(partner: &str, nth: u32) -> Round {
    Round { tenant: OTHER_TENANT.to_owned(), ..Round::new(partner, nth) }
}

/// Returns the token of somebody at a partner of [`TENANT`] who may do
/// everything within its reach.
///
/// # Errors
/// If the local key cannot sign the token.
pub fn all_of(suite: &TestSuite, partner: &str) -> Result<String> {
    let (roles, subject) = (vec![ALL_OF_A_PARTNER.to_owned()], format!("persons/{partner}-all"));
    suite.token_of(TokenRequest { roles, subject, partner: Some(partner.to_owned()), ..TokenRequest::default() })
}
