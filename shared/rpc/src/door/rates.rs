//! How many requests callers and tenants may send per second, and the headers that
//! tell them.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock, QuantaInstant},
    middleware::{StateInformationMiddleware, StateSnapshot},
    state::keyed::DefaultKeyedStateStore,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use stoa_kernel::{Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;

use super::Who;
use crate::Limits;

/// Requests after which those who have not called for a while are forgotten.
const FORGET_EVERY: u64 = 10_000;
/// Time for which unknown tokens from an address are not looked at.
const SHUT_OUT: Duration = Duration::from_secs(1);
/// Maximum number of such addresses.
const SHUT_OUT_MAX: usize = 10_000;

/// The limits that hold for a caller (draft-ietf-httpapi-ratelimit-headers).
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them.
pub(crate) const LEFT: HeaderName = HeaderName::from_static("ratelimit");

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// A rate for each key.
struct Rate<K: Hash + Eq + Clone> {
    limiter: Keyed<K>,
    quota: Quota,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        Self { limiter: RateLimiter::keyed(quota).with_middleware(), quota }
    }

    fn take(&self, key: &K) -> Result<StateSnapshot, NotUntil<QuantaInstant>> {
        self.limiter.check_key(key)
    }

    fn refill(&self, missing: u32) -> Duration {
        self.quota.replenish_interval().saturating_mul(missing)
    }

    /// `"caller";q=200;w=2`: the requests of a burst, and the seconds in which they
    /// come back.
    fn policy(&self, name: &str) -> String {
        let burst = self.quota.burst_size().get();
        format!("\"{name}\";q={burst};w={}", seconds(self.refill(burst)))
    }

    /// `"caller";r=150;t=1`: the requests that are left, and the seconds until all
    /// are back.
    fn left(&self, name: &str, left: u32) -> String {
        let missing = self.quota.burst_size().get().saturating_sub(left);
        format!("\"{name}\";r={left};t={}", seconds(self.refill(missing)))
    }
}

/// The rates of callers, tenants, and addresses that send invalid tokens.
pub(crate) struct Rates {
    callers: Rate<Who>,
    tenants: Rate<Arc<str>>,
    links: Rate<Who>,
    refusals: Rate<IpAddr>,
    /// Addresses from which too many refused tokens came, and until when unknown
    /// tokens are not looked at.
    shut_out: Mutex<HashMap<IpAddr, Instant>>,
    policy: HeaderValue,
    counted: AtomicU64,
}

/// What is left to a caller after a request, for the headers of its answer.
#[derive(Debug, Clone)]
pub struct RateState {
    policy: HeaderValue,
    left: HeaderValue,
}

impl RateState {
    /// Writes the headers, which are the same for HTTP and gRPC.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy);
        headers.insert(LEFT, self.left);
    }
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let callers = Rate::new(limits.rate_per_caller_per_second, limits.rate_burst);
        let tenants = Rate::new(limits.rate_per_tenant_per_second, limits.rate_tenant_burst);
        let refusals = limits.refusals_per_address_per_second;
        let policy = header(&format!("{}, {}", callers.policy("caller"), tenants.policy("tenant")));
        Self {
            callers,
            tenants,
            links: Rate::new(limits.rate_per_link_per_second, limits.rate_link_burst),
            refusals: Rate::new(refusals, refusals),
            shut_out: Mutex::default(),
            policy,
            counted: AtomicU64::new(0),
        }
    }

    /// Counts one request. The caller's rate comes first: what it refuses does not
    /// use up the tenant's.
    pub(crate) fn take(&self, who: &Who) -> (RateState, Result<()>) {
        self.forget_sometimes();
        let (name, rate) = if who.has_link { ("link", &self.links) } else { ("caller", &self.callers) };
        let caller = match rate.take(who) {
            Ok(state) => state,
            Err(until) => return (self.state(name, rate, 0), Err(limited(name, &until))),
        };
        match self.tenants.take(&who.tenant) {
            Err(until) => (self.state("tenant", &self.tenants, 0), Err(limited("tenant", &until))),
            Ok(tenant) if tenant.remaining_burst_capacity() < caller.remaining_burst_capacity() => {
                (self.state("tenant", &self.tenants, tenant.remaining_burst_capacity()), Ok(()))
            }
            Ok(_) => (self.state(name, rate, caller.remaining_burst_capacity()), Ok(())),
        }
    }

    fn forget_sometimes(&self) {
        if self.counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.callers.limiter.retain_recent();
            self.tenants.limiter.retain_recent();
            self.links.limiter.retain_recent();
            self.refusals.limiter.retain_recent();
        }
    }

    /// Counts a refused token from an address. Returns whether there were many lately.
    pub(crate) fn refused(&self, address: IpAddr) -> bool {
        self.forget_sometimes();
        let taken = self.refusals.take(&address);
        let few = self.refusals.quota.burst_size().get() / 2;
        if taken.is_err() {
            let now = Instant::now();
            let mut shut_out = self.shut_out();
            if shut_out.len() >= SHUT_OUT_MAX {
                shut_out.retain(|_, until| *until > now);
            }
            if shut_out.len() < SHUT_OUT_MAX {
                shut_out.insert(address, now + SHUT_OUT);
            }
        }
        !taken.is_ok_and(|left| left.remaining_burst_capacity() >= few)
    }

    /// Whether too many tokens from an address were refused lately.
    pub(crate) fn shuts_out(&self, address: IpAddr) -> bool {
        self.shut_out().get(&address).is_some_and(|until| *until > Instant::now())
    }

    fn shut_out(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.shut_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state<K: Hash + Eq + Clone>(&self, name: &str, rate: &Rate<K>, left: u32) -> RateState {
        RateState { policy: self.policy.clone(), left: header(&rate.left(name, left)) }
    }
}

fn limited(whose: &str, until: &NotUntil<QuantaInstant>) -> Error {
    let wait = until.wait_time_from(DefaultClock::default().now());
    let millis = u64::try_from(wait.as_millis()).unwrap_or(1000).max(1);
    let message = format!("more requests came from the {whose} than its rate allows. Wait for the time that the answer names, and retry.");
    Error::new(Kind::ResourceExhausted, ErrorReason::RateLimited, message).with_metadata("limit", whose).retry_after_ms(millis)
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(caller: &str) -> Who {
        Who { tenant: "acme".into(), caller: caller.into(), has_link: false }
    }

    #[test]
    fn callers_and_tenants_have_rates_of_their_own() {
        let limits = Limits {
            rate_per_caller_per_second: 1,
            rate_burst: 3,
            rate_per_tenant_per_second: 1,
            rate_tenant_burst: 5,
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let left = |state: RateState| state.left.to_str().unwrap().to_owned();
        let (state, taken) = rates.take(&who("ann"));
        assert!(taken.is_ok());
        assert_eq!(state.policy, "\"caller\";q=3;w=3, \"tenant\";q=5;w=5");
        assert_eq!(left(state), "\"caller\";r=2;t=1");
        assert!(rates.take(&who("ann")).1.is_ok() && rates.take(&who("ann")).1.is_ok());
        let (state, refused) = rates.take(&who("ann"));
        let refused = refused.unwrap_err();
        assert_eq!((refused.reason().as_str(), refused.metadata()[0].1.as_str()), ("RATE_LIMITED", "caller"));
        assert!(refused.retry_after().is_some_and(|ms| (1..=1000).contains(&ms)), "{refused:?}");
        assert_eq!(left(state), "\"caller\";r=0;t=3");
        // What was refused did not count against the tenant: two are left.
        let (state, taken) = rates.take(&who("bob"));
        assert!(taken.is_ok());
        assert_eq!(left(state), "\"tenant\";r=1;t=4", "the tenant's rate is the tighter one");
        assert!(rates.take(&who("bob")).1.is_ok());
        assert_eq!(rates.take(&who("bob")).1.unwrap_err().metadata()[0].1, "tenant");
        let elsewhere = Who { tenant: "other".into(), caller: "ann".into(), has_link: false };
        assert!(rates.take(&elsewhere).1.is_ok());
    }

    #[test]
    fn an_address_that_sends_junk_is_known() {
        let rates = Rates::new(&Limits { refusals_per_address_per_second: 2, ..Limits::default() });
        let (junk, quiet): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..2 {
            rates.refused(junk);
            assert!(!rates.shuts_out(junk), "some mistakes are allowed");
        }
        rates.refused(junk);
        assert!(rates.shuts_out(junk) && !rates.shuts_out(quiet));
    }
}
