//! The frame: one tenant's facts in memory, column by column, as reports need
//! them.
//!
//! Reports never look at versions or events; they ask which facts hold at a cut.
//! A frame depends on the rows alone, not on the order in which they came.

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
    /// Fold version up to which rows are in.
    pub(crate) version: i64,
    /// Highest position folded, by source.
    pub(crate) positions: [i64; SOURCES.len()],
    /// Ids of partners; 0 is no partner.
    pub(crate) partners: Arc<Texts>,
    /// All other texts; 0 is the empty one.
    pub(crate) texts: Arc<Texts>,
    /// Lists of numbers; 0 is the empty one.
    pub(crate) lists: Arc<Lists>,
    pub(crate) facts: Columns,
    /// Memory that the frame holds, roughly.
    pub(crate) bytes: usize,
}

impl Frame {
    /// Number of partners known, and one for no partner.
    pub(crate) fn partner_count(&self) -> u32 {
        self.partners.count()
    }

    /// The attributes of a partner at a cut.
    pub(crate) fn attributes_at(&self, partner: u32, cut: Cut) -> Option<&Attributes> {
        self.facts.attributes.row(partner).iter().find(|f| f.span.holds(cut)).map(|f| &f.value)
    }

    /// Reporting currency and time zone at a cut; defaults if none are set.
    pub(crate) fn settings_at(&self, cut: Cut) -> (&str, &str) {
        let found = self.facts.settings.row(0).iter().find(|f| f.span.holds(cut));
        let of = |text: u32, default: &'static str| match self.texts.get(text) {
            "" => default,
            set => set,
        };
        found.map_or(("USD", "UTC"), |f| (of(f.value.currency, "USD"), of(f.value.zone, "UTC")))
    }
}
