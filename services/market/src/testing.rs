//! The service on a store of its own, for tests.

use std::ops::Deref;

use stoa_kernel::Timestamp;
pub(crate) use stoa_testkit::{NOT_ENROLLED, occurred, reason};

use crate::Api;

/// The shared bench with the service's API on it.
pub(crate) struct Bench {
    pub(crate) api: Api,
    bench: stoa_testkit::Bench,
}

impl Deref for Bench {
    type Target = stoa_testkit::Bench;

    fn deref(&self) -> &Self::Target {
        &self.bench
    }
}

impl Bench {
    /// The service with the usual network in its directory.
    pub(crate) async fn new() -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let bench = stoa_testkit::Bench::new(crate::NAME, crate::migrations(), now).await;
        bench.seed(&stoa_testkit::NETWORK).await;
        Self { api: Api { deps: bench.deps.clone() }, bench }
    }
}
