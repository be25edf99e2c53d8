//! What a service does about another service's facts.

use std::{fmt, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use stoa_kernel::{Clock, Cx, Result};
use stoa_proto::events::v1::Event;
use stoa_store::{Operation, Tx};

/// Applies one event inside the consumer's transaction. It may run again, run
/// late, or run after a later version of the same aggregate.
pub type Handler = Arc<dyn for<'a> Fn(&'a Tx, &'a Event) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// Creates a handler from an async function that acts as a service, at the
/// instant of a clock, because of the event.
pub fn handler<F>(service: &'static str, clock: &Clock, function: F) -> Handler
where
    F: for<'a> Operation<'a, Event, ()> + Copy + Send + Sync + 'static,
{
    let clock = clock.clone();
    Arc::new(move |tx, event| {
        let cx = Cx::service(&event.tenant, service, &clock, &event.event_id);
        async move { function(tx, &cx, event).await }.boxed()
    })
}

/// What happens to later events when one cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They are applied: the handler needs only the latest state.
    Park,
    /// Those of the same aggregate wait behind it: the handler needs every
    /// fact, in version order.
    ParkAggregate,
}

/// A service's interest in the facts of another.
#[derive(Clone)]
pub struct Subscription {
    /// Name, unique for the source. Cursor and parked events are kept under it.
    pub name: &'static str,
    /// Service whose log it reads.
    pub source: &'static str,
    /// Prefixes of the subjects that it takes. Empty takes all.
    pub subjects: &'static [&'static str],
    /// What happens to later events when one cannot be applied.
    pub on_failure: OnFailure,
    /// Applies one event.
    pub handler: Handler,
}

impl Subscription {
    /// Key of the subscription in its store.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.source, self.name)
    }

    /// Whether the subscription takes facts of a subject.
    #[must_use]
    pub fn takes(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|beginning| subject.starts_with(beginning))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("name", &self.name).field("source", &self.source).finish_non_exhaustive()
    }
}
