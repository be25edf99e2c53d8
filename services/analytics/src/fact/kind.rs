//! The description of a kind of fact.

use stoa_events::Event;
use stoa_kernel::Result;

use crate::row::Document;

/// A kind of fact: the events that it is folded from, and what is stored of them.
pub(crate) struct FactKind {
    /// Field number in the stored document. It never changes and is never reused for
    /// another kind.
    pub(crate) number: u8,
    /// Service and noun whose events are folded. Every event of a noun carries the
    /// noun's state in field 1, so one message type can read all of them.
    pub(crate) noun: &'static str,
    /// Returns what is stored of an event, if anything.
    pub(crate) fold: fn(&Event) -> Result<Option<Document>>,
}

impl FactKind {
    /// Whether an event such as `sell.deal.corrected` belongs to the noun.
    pub(crate) fn takes(&self, subject: &str) -> bool {
        subject.strip_prefix(self.noun).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}
