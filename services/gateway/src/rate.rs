//! Rate limit per caller.

use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use http::{HeaderMap, header};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;

/// Number of callers above which idle ones are forgotten.
const CALLERS_MAX: usize = 100_000;

/// Counts requests by token, so that neither a proxy nor an address determines who
/// a caller is. Callers without a token share one rate.
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

    /// Counts one request against the caller's rate.
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
            let message = "the caller sent more requests than its rate allows. Wait for the time in Retry-After.";
            Error::new(Kind::ResourceExhausted, ErrorReason::RateLimited, message).retry_after_ms(millis)
        })
    }
}
