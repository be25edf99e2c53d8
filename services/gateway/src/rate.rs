//! A rate per caller.

use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use http::{HeaderMap, header};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;

/// Callers that are remembered before those at rest are forgotten.
const CALLERS_MAX: usize = 100_000;

/// Counts requests by token, so that neither a proxy nor an address decides
/// who a caller is. Callers without a token share one rate.
pub(crate) struct Rate {
    limiter: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
}

impl Rate {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        Self { limiter: RateLimiter::keyed(quota), hasher: RandomState::new() }
    }

    /// Takes one request from the caller's share.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED `RATE_LIMITED` with the time to wait.
    pub(crate) fn take(&self, headers: &HeaderMap) -> Result<(), Error> {
        if self.limiter.len() > CALLERS_MAX {
            self.limiter.retain_recent();
        }
        let caller = self.hasher.hash_one(headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes));
        self.limiter.check_key(&caller).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
            let millis = u64::try_from(wait.as_millis()).unwrap_or(1000).max(1);
            let message = "this caller sends more requests than its rate allows; wait as long as Retry-After says";
            Error::new(Kind::ResourceExhausted, ErrorReason::RateLimited, message).retry_after_ms(millis)
        })
    }
}
