//! Fair shares of the requests that a process works on.
//!
//! A place that becomes free goes to the waiting tenant with the fewest requests in
//! progress, and there to the caller with the fewest. So a caller who sends many
//! requests makes only its own requests wait.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::Who;

/// Maximum number of requests of one tenant that wait for a place.
pub const WAITING_PER_TENANT_MAX: usize = 256;
/// Maximum number of requests of one caller that wait for a place.
pub const WAITING_PER_CALLER_MAX: usize = 128;

/// Places for requests in progress. Clones are the same places.
#[derive(Clone)]
pub(crate) struct Shares(Arc<Mutex<State>>);

/// A place, given back when dropped.
pub(crate) struct Share {
    shares: Shares,
    who: Who,
}

struct State {
    free: usize,
    per_caller: usize,
    per_tenant: usize,
    tenants: HashMap<Arc<str>, Tenant>,
    next_ticket: u64,
    last_freed: Instant,
}

#[derive(Default)]
struct Tenant {
    in_use: usize,
    waiting: usize,
    callers: HashMap<Arc<str>, Caller>,
}

#[derive(Default)]
struct Caller {
    in_use: usize,
    waiting: VecDeque<Ticket>,
}

struct Ticket {
    number: u64,
    grant: oneshot::Sender<Share>,
}

/// Whether a request got a place.
enum Outcome {
    Granted,
    Waits(u64, oneshot::Receiver<Share>),
    Refused,
}

impl Shares {
    /// Creates places of which one caller gets at most half and one tenant at most
    /// three quarters.
    pub(crate) fn new(places: usize) -> Self {
        let (per_caller, per_tenant) = ((places / 2).max(1), (places * 3 / 4).max(1));
        let (tenants, last_freed) = (HashMap::new(), Instant::now());
        Self(Arc::new(Mutex::new(State { free: places, per_caller, per_tenant, tenants, next_ticket: 0, last_freed })))
    }

    /// Takes a place, waiting for it at most `wait`. `None` if there was none in
    /// time, or if too many requests of the caller or tenant already wait.
    pub(crate) async fn take(&self, who: &Who, wait: Duration) -> Option<Share> {
        let outcome = self.state().ask(who);
        match outcome {
            Outcome::Granted => Some(Share { shares: self.clone(), who: who.clone() }),
            Outcome::Refused => None,
            Outcome::Waits(number, granted) => {
                let _waiting = Waiting { shares: self, who, number };
                tokio::time::timeout(wait, granted).await.ok()?.ok()
            }
        }
    }

    /// How long every place has been taken without one becoming free.
    pub(crate) fn stuck_for(&self) -> Duration {
        let state = self.state();
        if state.free == 0 { state.last_freed.elapsed() } else { Duration::ZERO }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, who: &Who) {
        let mut state = self.state();
        state.free += 1;
        state.last_freed = Instant::now();
        state.leave(who);
        let mut granted = Vec::new();
        while state.free > 0
            && let Some((who, ticket)) = state.next()
        {
            state.enter(&who);
            granted.push((ticket, Share { shares: self.clone(), who }));
        }
        drop(state);
        // A receiver that has just gone away drops its share, which locks again.
        for (ticket, share) in granted {
            drop(ticket.grant.send(share));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.give_back(&self.who);
    }
}

impl State {
    fn ask(&mut self, who: &Who) -> Outcome {
        let (free, per_caller, per_tenant) = (self.free, self.per_caller, self.per_tenant);
        let tenant = self.tenants.entry(who.tenant.clone()).or_default();
        let caller = tenant.callers.entry(who.caller.clone()).or_default();
        if free > 0 && tenant.in_use < per_tenant && caller.in_use < per_caller {
            self.enter(who);
            return Outcome::Granted;
        }
        if tenant.waiting >= WAITING_PER_TENANT_MAX || caller.waiting.len() >= WAITING_PER_CALLER_MAX {
            self.forget(who);
            return Outcome::Refused;
        }
        let (grant, granted) = oneshot::channel();
        let number = self.next_ticket;
        self.next_ticket += 1;
        tenant.waiting += 1;
        caller.waiting.push_back(Ticket { number, grant });
        Outcome::Waits(number, granted)
    }

    /// The request that gets the next place.
    fn next(&mut self) -> Option<(Who, Ticket)> {
        let open = self.tenants.iter().filter(|(_, tenant)| tenant.waiting > 0 && tenant.in_use < self.per_tenant);
        let candidates = open.filter_map(|(name, tenant)| {
            let callers = tenant.callers.iter().filter(|(_, caller)| caller.in_use < self.per_caller);
            let waiting = callers.filter_map(|(key, caller)| Some((caller.in_use, caller.waiting.front()?.number, key)));
            let (_, number, key) = waiting.min()?;
            Some((tenant.in_use, number, name, key))
        });
        let (_, _, name, key) = candidates.min()?;
        let who = Who { tenant: name.clone(), caller: key.clone(), has_link: false };
        let tenant = self.tenants.get_mut(&who.tenant)?;
        let ticket = tenant.callers.get_mut(&who.caller)?.waiting.pop_front()?;
        tenant.waiting -= 1;
        Some((who, ticket))
    }

    fn enter(&mut self, who: &Who) {
        self.free -= 1;
        let tenant = self.tenants.entry(who.tenant.clone()).or_default();
        tenant.in_use += 1;
        tenant.callers.entry(who.caller.clone()).or_default().in_use += 1;
    }

    fn leave(&mut self, who: &Who) {
        if let Some(tenant) = self.tenants.get_mut(&who.tenant) {
            tenant.in_use -= 1;
            if let Some(caller) = tenant.callers.get_mut(&who.caller) {
                caller.in_use -= 1;
            }
        }
        self.forget(who);
    }

    /// Removes a ticket that was not granted.
    fn withdraw(&mut self, who: &Who, number: u64) {
        if let Some(tenant) = self.tenants.get_mut(&who.tenant)
            && let Some(caller) = tenant.callers.get_mut(&who.caller)
            && let Some(at) = caller.waiting.iter().position(|ticket| ticket.number == number)
        {
            caller.waiting.remove(at);
            tenant.waiting -= 1;
        }
        self.forget(who);
    }

    /// Forgets a caller and a tenant without requests.
    fn forget(&mut self, who: &Who) {
        let Some(tenant) = self.tenants.get_mut(&who.tenant) else { return };
        if tenant.callers.get(&who.caller).is_some_and(|caller| caller.in_use == 0 && caller.waiting.is_empty()) {
            tenant.callers.remove(&who.caller);
        }
        if tenant.callers.is_empty() {
            self.tenants.remove(&who.tenant);
        }
    }
}

/// A waiting request. It leaves the queue when it is dropped.
struct Waiting<'a> {
    shares: &'a Shares,
    who: &'a Who,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shares.state().withdraw(self.who, self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn who(tenant: &str, caller: &str) -> Who {
        Who { tenant: tenant.into(), caller: caller.into(), has_link: false }
    }

    /// Takes places until none is left for this caller.
    async fn exhaust(shares: &Shares, who: &Who) -> Vec<Share> {
        let mut taken = Vec::new();
        while let Some(Some(share)) = shares.take(who, LONG).now_or_never() {
            taken.push(share);
        }
        taken
    }

    #[tokio::test]
    async fn a_caller_gets_half_and_a_tenant_three_quarters() {
        let shares = Shares::new(8);
        let ann = exhaust(&shares, &who("acme", "ann")).await;
        let bob = exhaust(&shares, &who("acme", "bob")).await;
        let eve = exhaust(&shares, &who("other", "eve")).await;
        assert_eq!((ann.len(), bob.len(), eve.len()), (4, 2, 2));
        assert_eq!(shares.state().free, 0);
        drop((ann, bob, eve));
        assert!(shares.state().tenants.is_empty(), "nothing is remembered of those who left");
        assert_eq!(shares.state().free, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_place_goes_to_those_who_have_the_fewest() {
        let shares = Shares::new(4);
        let ann = who("acme", "ann");
        let (mut busy, _other) = (exhaust(&shares, &ann).await, exhaust(&shares, &who("third", "x")).await);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        // Ann asks first, three times; then a colleague; then somebody elsewhere.
        for waiting in [ann.clone(), ann.clone(), ann, who("acme", "bob"), who("other", "eve")] {
            let (shares, order) = (shares.clone(), order.clone());
            tasks.spawn(async move {
                let share = shares.take(&waiting, LONG).await;
                order.lock().unwrap().push(waiting.caller.to_string());
                tokio::task::yield_now().await;
                drop(share);
            });
            tokio::task::yield_now().await;
        }
        busy.pop();
        while tasks.join_next().await.is_some() {}
        assert_eq!(*order.lock().unwrap(), ["eve", "bob", "ann", "ann", "ann"]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_and_leaves_nothing() {
        let shares = Shares::new(1);
        let held = shares.take(&who("acme", "ann"), LONG).await;
        assert!(shares.take(&who("other", "eve"), Duration::from_millis(1000)).await.is_none());
        assert_eq!(shares.state().tenants.len(), 1, "who gave up is not in the queue");
        drop(held);
        assert!(shares.take(&who("other", "eve"), LONG).now_or_never().flatten().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_is_full_refuses_at_once() {
        let shares = Shares::new(1);
        let (ann, bob) = (who("acme", "ann"), who("acme", "bob"));
        let _held = shares.take(&ann, LONG).await;
        let refuses = |who: &Who| matches!(shares.take(who, LONG).now_or_never(), Some(None));
        let mut waiting = Vec::new();
        for caller in [&ann, &bob] {
            assert!(!refuses(caller));
            for _ in 0..WAITING_PER_CALLER_MAX {
                let mut one = Box::pin(shares.take(caller, LONG));
                assert!(one.as_mut().now_or_never().is_none());
                waiting.push(one);
            }
            assert!(refuses(caller));
        }
        assert!(refuses(&who("acme", "carl")) && !refuses(&who("other", "eve")), "the tenant's queue is full");
        assert!(!shares.state().tenants["acme"].callers.contains_key("carl"), "who was refused is forgotten");
    }

    /// Callers come, wait, give up and leave in any order: places are neither lost
    /// nor made, and nobody has more than allowed.
    #[test]
    fn places_are_neither_lost_nor_made() {
        use proptest::{prelude::*, test_runner::TestRunner};
        let steps = prop::collection::vec((0_usize..3, 0_usize..3, 0_u64..4, 0_u64..4), 1..120);
        TestRunner::default()
            .run(&steps, |steps| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
                runtime.block_on(async {
                    let shares = Shares::new(5);
                    let mut tasks = tokio::task::JoinSet::new();
                    for (tenant, caller, wait, hold) in steps {
                        let (shares, who) = (shares.clone(), who(&format!("t{tenant}"), &format!("c{caller}")));
                        tasks.spawn(async move {
                            let share = shares.take(&who, Duration::from_millis(wait)).await;
                            {
                                let state = shares.state();
                                let in_use: usize = state.tenants.values().map(|t| t.in_use).sum();
                                assert_eq!(state.free + in_use, 5);
                                assert!(state.tenants.values().all(|t| t.in_use <= 3 && t.callers.values().all(|c| c.in_use <= 2)));
                            }
                            tokio::time::timeout(Duration::from_millis(hold), std::future::pending::<()>()).await.ok();
                            drop(share);
                        });
                        tokio::task::yield_now().await;
                    }
                    while let Some(done) = tasks.join_next().await {
                        done.unwrap();
                    }
                    let state = shares.state();
                    assert_eq!((state.free, state.tenants.len()), (5, 0));
                });
                Ok(())
            })
            .unwrap();
    }
}
