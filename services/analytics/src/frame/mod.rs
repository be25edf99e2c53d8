//! The frame: one tenant's facts in memory, column by column, as reports need
//! them.
//!
//! Reports never look at versions or events, only at the facts that hold at a cut.
//! A frame depends on the rows alone, not on the order in which they arrived.

pub(crate) mod build;
pub(crate) mod keeper;

use std::sync::Arc;

use crate::{
    column::{
        intern::{Lists, Texts},
        span::Cut,
    },
    fact::{columns::Columns, partner::Attributes},
    fold::SOURCES,
};

/// One tenant's facts. Cheap to clone: the columns are shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// Fold version up to which rows are included.
    pub(crate) version: i64,
    /// Highest position of the tenant's rows, by source.
    pub(crate) positions: [i64; SOURCES.len()],
    /// IDs of partners. 0 is no partner.
    pub(crate) partners: Arc<Texts>,
    /// All other texts. 0 is the empty text.
    pub(crate) texts: Arc<Texts>,
    /// Lists of numbers. 0 is the empty list.
    pub(crate) lists: Arc<Lists>,
    pub(crate) facts: Columns,
    /// Approximate memory of the frame, in bytes.
    pub(crate) bytes: usize,
}

impl Frame {
    /// Number of known partners, plus one for no partner.
    pub(crate) fn partner_count(&self) -> u32 {
        self.partners.count()
    }

    /// Returns the attributes of a partner at a cut.
    pub(crate) fn attributes_at(&self, partner: u32, cut: Cut) -> Option<&Attributes> {
        self.facts.attributes.row(partner).iter().find(|f| f.span.holds(cut)).map(|f| &f.value)
    }

    /// Returns the reporting currency and time zone at a cut, or the defaults.
    pub(crate) fn settings_at(&self, cut: Cut) -> (&str, &str) {
        let found = self.facts.settings.row(0).iter().find(|f| f.span.holds(cut));
        let text_or = |text: u32, default: &'static str| match self.texts.get(text) {
            "" => default,
            set => set,
        };
        found.map_or(("USD", "UTC"), |f| (text_or(f.value.currency, "USD"), text_or(f.value.zone, "UTC")))
    }
}
