//! One richly filled network, for tests that look at every noun.

use std::time::Duration;

use anyhow::Result;
use stoa_auth::TokenRequest;

use crate::{
    TestSuite,
    scenario::{Round, Scenario},
};

/// The tenant whose objects others must not reach.
pub const TENANT: &str = "acme";
/// Another tenant, filled in the same way.
pub const OTHER_TENANT: &str = "globex";
/// Distributor, above [`DEALER`], which it sees.
pub const DISTRIBUTOR: &str = "upper";
/// Below [`DISTRIBUTOR`].
pub const DEALER: &str = "north";
/// A stranger to both.
pub const STRANGER: &str = "south";

/// A role with every permission, for a partner's people: only their reach limits
/// what they can do.
const ALL_OF_A_PARTNER: &str = "partner_everything";

/// Two tenants; in [`TENANT`] a distributor, its dealer and a stranger, each with
/// at least two objects of every noun. Everything is delivered, and a
/// day has passed.
///
/// # Errors
/// If a call is refused.
pub async fn network() -> Result<TestSuite> {
    let suite = TestSuite::start_with_role(ALL_OF_A_PARTNER, &["*.*", "persons.*", "events.*"]).await?;
    let dealer = Round { parent: DISTRIBUTOR.to_owned(), ..Round::new(DEALER, 2) };
    for round in [Round::new(DISTRIBUTOR, 1), dealer, Round::new(STRANGER, 3), other_round("foreign", 4)] {
        Scenario::play(&suite, round).await?;
    }
    // Reports see what happened before the day began.
    suite.clock.advance(Duration::from_hours(24));
    Ok(suite)
}

/// A round in the other tenant.
#[must_use]
pub fn other_round(partner: &str, nth: u32) -> Round {
    Round { tenant: OTHER_TENANT.to_owned(), ..Round::new(partner, nth) }
}

/// Somebody of a partner of [`TENANT`] who may do everything within its reach.
///
/// # Errors
/// If the local key refuses.
pub fn all_of(suite: &TestSuite, partner: &str) -> Result<String> {
    let (roles, subject) = (vec![ALL_OF_A_PARTNER.to_owned()], format!("persons/{partner}-all"));
    suite.token_of(TokenRequest { roles, subject, partner: Some(partner.to_owned()), ..TokenRequest::default() })
}
