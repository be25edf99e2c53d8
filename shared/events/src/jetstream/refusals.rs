//! Counts how often handlers refused events that will come again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Maximum number of refused events that are remembered. Beyond it, the oldest
/// are forgotten and start again, so they are tried more often before they are
/// parked.
const EVENTS_REFUSED_MAX: usize = 10_000;

/// Counts in memory, for this process: after a restart, and in another replica,
/// an event starts again. The key is the event ID, which grows with time, and
/// the subscription.
#[derive(Default)]
pub(super) struct Refusals(Mutex<BTreeMap<(String, String), i64>>);

impl Refusals {
    pub(super) fn count(&self, subscription: &str, event_id: &str) -> i64 {
        self.lock().get(&key(subscription, event_id)).copied().unwrap_or_default()
    }

    pub(super) fn increment(&self, subscription: &str, event_id: &str) {
        let mut refused = self.lock();
        *refused.entry(key(subscription, event_id)).or_default() += 1;
        if refused.len() > EVENTS_REFUSED_MAX {
            refused.pop_first();
        }
    }

    pub(super) fn forget(&self, subscription: &str, event_id: &str) {
        self.lock().remove(&key(subscription, event_id));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(subscription: &str, event_id: &str) -> (String, String) {
    (event_id.to_owned(), subscription.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let refusals = Refusals::default();
        for id in 0..=EVENTS_REFUSED_MAX {
            refusals.increment("onboard/copy", &format!("{id:06}"));
        }
        refusals.increment("onboard/copy", "010000");
        assert_eq!(refusals.count("onboard/copy", "000000"), 0);
        assert_eq!((refusals.count("onboard/copy", "000001"), refusals.count("onboard/copy", "010000")), (1, 2));
        assert_eq!(refusals.count("onboard/ledger", "010000"), 0, "each subscription counts separately");
        refusals.forget("onboard/copy", "010000");
        assert_eq!(refusals.count("onboard/copy", "010000"), 0);
    }
}
