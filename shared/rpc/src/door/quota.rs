//! An amount that tenants and callers use up and give back: bytes, or streams.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Who;

/// An amount of which a caller and a tenant get at most a part, and never more than
/// half of what others leave: some is always left for the next. Nobody waits for it:
/// two half-read bodies that wait for each other's bytes would wait forever.
#[derive(Clone)]
pub(crate) struct Quota(Arc<Inner>);

struct Inner {
    most: Most,
    used: Mutex<Used>,
}

/// The most that may be in use.
pub(crate) struct Most {
    pub(crate) in_total: usize,
    pub(crate) per_tenant: usize,
    pub(crate) per_caller: usize,
}

#[derive(Default)]
struct Used {
    in_total: usize,
    by_tenant: HashMap<Arc<str>, usize>,
    by_caller: HashMap<Who, usize>,
}

/// A part of the amount, given back when dropped.
pub struct Charge {
    quota: Quota,
    who: Who,
    amount: usize,
}

impl Quota {
    pub(crate) fn new(most: Most) -> Self {
        Self(Arc::new(Inner { most, used: Mutex::default() }))
    }

    /// A charge of nothing, to which parts are added.
    pub(crate) fn charge(&self, who: &Who) -> Charge {
        Charge { quota: self.clone(), who: who.clone(), amount: 0 }
    }

    /// Whether a caller has all that it may have. If everything is in use, those
    /// who have some get no more.
    pub(crate) fn is_used_up(&self, who: &Who) -> bool {
        let (used, most) = (self.used(), &self.0.most);
        let caller = used.by_caller.get(who).copied().unwrap_or_default();
        caller >= most.per_caller || (used.in_total >= most.in_total && caller > 0)
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charge {
    /// Takes more. Returns false, and takes nothing, if there is not enough left.
    #[must_use]
    pub(crate) fn add(&mut self, amount: usize) -> bool {
        let most = &self.quota.0.most;
        let mut used = self.quota.used();
        let tenant = used.by_tenant.get(&self.who.tenant).copied().unwrap_or_default();
        let caller = used.by_caller.get(&self.who).copied().unwrap_or_default();
        let left_to_tenant = most.in_total.saturating_sub(used.in_total - tenant) / 2;
        let tenant_max = left_to_tenant.min(most.per_tenant);
        let left_to_caller = tenant_max.saturating_sub(tenant - caller) / 2;
        let caller_max = left_to_caller.min(most.per_caller);
        if caller.saturating_add(amount) > caller_max {
            return false;
        }
        used.in_total += amount;
        used.by_tenant.insert(self.who.tenant.clone(), tenant + amount);
        used.by_caller.insert(self.who.clone(), caller + amount);
        drop(used);
        self.amount += amount;
        true
    }

    /// Takes more, even if that is too much: what exists already cannot be refused.
    pub(crate) fn force(&mut self, amount: usize) {
        let mut used = self.quota.used();
        used.in_total += amount;
        *used.by_tenant.entry(self.who.tenant.clone()).or_default() += amount;
        *used.by_caller.entry(self.who.clone()).or_default() += amount;
        drop(used);
        self.amount += amount;
    }

    /// Takes more or gives back, so that `amount` is taken. Returns false, and
    /// changes nothing, if there is not enough left.
    #[must_use]
    pub fn set(&mut self, amount: usize) -> bool {
        if amount > self.amount {
            return self.add(amount - self.amount);
        }
        self.give_back(self.amount - amount);
        true
    }

    fn give_back(&mut self, amount: usize) {
        if amount == 0 {
            return;
        }
        self.amount -= amount;
        let mut used = self.quota.used();
        let used = &mut *used;
        used.in_total -= amount;
        if let Some(tenant) = used.by_tenant.get_mut(&self.who.tenant) {
            *tenant -= amount;
            if *tenant == 0 {
                used.by_tenant.remove(&self.who.tenant);
            }
        }
        if let Some(caller) = used.by_caller.get_mut(&self.who) {
            *caller -= amount;
            if *caller == 0 {
                used.by_caller.remove(&self.who);
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.give_back(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(tenant: &str, caller: &str) -> Who {
        Who { tenant: tenant.into(), caller: caller.into(), has_link: false }
    }

    fn take(quota: &Quota, tenant: &str, caller: &str, amount: usize) -> Option<Charge> {
        let mut charge = quota.charge(&who(tenant, caller));
        charge.add(amount).then_some(charge)
    }

    #[test]
    fn callers_and_tenants_get_their_part_and_give_it_back() {
        let quota = Quota::new(Most { in_total: 100, per_tenant: 50, per_caller: 25 });
        let mut ann = quota.charge(&who("acme", "ann"));
        assert!(ann.add(20) && !ann.add(6) && ann.add(5));
        assert!(take(&quota, "acme", "bob", 13).is_none(), "half of what Ann leaves of her tenant's half");
        let bob = take(&quota, "acme", "bob", 12).unwrap();
        let mut other = quota.charge(&who("other", "eve"));
        assert!(!other.add(16) && other.add(15), "a quarter of what is left");
        assert!(other.set(5) && !other.set(16) && other.set(15), "what is given back can be taken again");
        drop((ann, bob, other));
        let used = quota.used();
        assert_eq!((used.in_total, used.by_tenant.len(), used.by_caller.len()), (0, 0, 0));
    }

    #[test]
    fn some_is_always_left_for_the_next() {
        let quota = Quota::new(Most { in_total: 1 << 20, per_tenant: 1 << 19, per_caller: 1 << 18 });
        let mut taken = Vec::new();
        for (tenant, caller) in (0..4).flat_map(|tenant| (0..4).map(move |caller| (tenant.to_string(), caller.to_string()))) {
            let mut charge = quota.charge(&who(&tenant, &caller));
            while charge.add(1024) {}
            taken.push(charge);
        }
        assert!(take(&quota, "next", "caller", 16 * 1024).is_some());
    }

    #[test]
    fn what_exists_is_charged_in_any_case() {
        let quota = Quota::new(Most { in_total: 100, per_tenant: 100, per_caller: 30 });
        let mut ann = quota.charge(&who("acme", "ann"));
        ann.force(29);
        assert!(!quota.is_used_up(&who("acme", "ann")));
        ann.force(100);
        assert!(quota.is_used_up(&who("acme", "ann")) && !quota.is_used_up(&who("acme", "bob")), "only who has some");
    }
}
