//! The service with a store of its own, for tests.

pub(crate) use stoa_testkit::{NOT_ENROLLED, occurred, reason};

use crate::Api;

pub(crate) type Bench = stoa_testkit::Served<Api>;

/// Creates the service with the standard network in its directory.
pub(crate) async fn bench() -> Bench {
    Bench::new(crate::NAME, crate::migrations(), |deps| Api { deps }).await
}
