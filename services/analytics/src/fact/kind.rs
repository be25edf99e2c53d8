//! What a kind of fact is.

use stoa_events::Event;
use stoa_kernel::Result;

use crate::row::Document;

/// A kind of fact, up to what is stored of it.
pub(crate) struct FactKind {
    /// Field of the stored document. It never changes and is never used again
    /// for another kind.
    pub(crate) number: u8,
    /// Service and noun whose events are folded. Every event of a noun carries
    /// the noun's state in field 1, so that one message type reads all of them.
    pub(crate) noun: &'static str,
    /// What is kept of an event, if anything.
    pub(crate) fold: fn(&Event) -> Result<Option<Document>>,
}

impl FactKind {
    /// Whether an event like `sell.deal.corrected` is of the noun.
    pub(crate) fn takes(&self, subject: &str) -> bool {
        subject.strip_prefix(self.noun).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}
