//! The frame: one tenant's facts in memory, column by column, as reports need
//! them.
//!
//! A fact is a value together with the two spans in which it holds: from and to
//! which `as_of`, and from and to which `known_at`. Reports never look at
//! versions or events; they ask which facts hold at a cut. A frame depends on
//! the rows alone, not on the order in which they came.

pub(crate) mod build;
pub(crate) mod derive;
mod derive_deal;
pub(crate) mod intern;
pub(crate) mod keeper;
pub(crate) mod overlay;
pub(crate) mod ragged;

use std::sync::Arc;

use intern::{Lists, Texts};
use ragged::Ragged;

/// An instant that lies behind all others; a span that ends with it is open.
pub(crate) const OPEN: i64 = i64::MAX;
/// The partner that stands for no partner: direct revenue.
pub(crate) const DIRECT: u32 = 0;

/// What a question sees: facts that happened before `as_of` and were recorded
/// before `known_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) as_of: i64,
    pub(crate) known_at: i64,
}

/// Where a fact holds: `from < as_of <= to` and `known_from < known_at <=
/// known_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) known_from: i64,
    pub(crate) known_to: i64,
}

impl Span {
    pub(crate) const fn holds(&self, cut: Cut) -> bool {
        self.from < cut.as_of && cut.as_of <= self.to && self.known_from < cut.known_at && cut.known_at <= self.known_to
    }
}

/// A value and where it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// The organization itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attributes {
    pub(crate) kind: i32,
    pub(crate) territory: u32,
    pub(crate) vertical: u32,
    /// Partner above; [`DIRECT`] at the top.
    pub(crate) parent: u32,
    pub(crate) display_name: u32,
    /// List of partners that may see this one.
    pub(crate) visible_to: u32,
}

/// One enrollment of a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Enrollment {
    pub(crate) effective: i64,
    /// [`OPEN`] where it has no end.
    pub(crate) end: i64,
    pub(crate) enrollment: u32,
    pub(crate) program: u32,
    pub(crate) tier: u32,
    /// The tier it started with.
    pub(crate) first_tier: u32,
    pub(crate) status: i32,
    /// List of product lines; empty for all.
    pub(crate) lines: u32,
}

/// What makes a partner active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActivityKind {
    Registration,
    Campaign,
}

/// A commercial activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Activity {
    pub(crate) at: i64,
    pub(crate) kind: ActivityKind,
}

/// A day on which a program element was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PortalDay {
    pub(crate) at: i64,
    pub(crate) element: u32,
}

/// A certification that somebody of the partner holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Certification {
    pub(crate) earn: i64,
    /// Expiry or revocation, whichever is first; [`OPEN`] where neither.
    pub(crate) end: i64,
    /// Product line, 0 where none.
    pub(crate) line: u32,
}

/// A credited share of revenue, or of a correction of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting {
    pub(crate) at: i64,
    /// The share in the deal's currency.
    pub(crate) minor: i64,
    /// The whole amount that was split.
    pub(crate) total: i64,
    pub(crate) currency: u32,
    /// List of weights by which it was split, the direct rest last.
    pub(crate) weights: u32,
    /// Which of the weights this share has.
    pub(crate) part: u32,
}

/// A tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tier {
    pub(crate) tier: u32,
    pub(crate) program: u32,
    pub(crate) display_name: u32,
    pub(crate) rank: i32,
    pub(crate) threshold: Option<i64>,
    pub(crate) currency: u32,
}

/// Settings of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Settings {
    pub(crate) currency: u32,
    pub(crate) zone: u32,
}

/// An exchange rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rate {
    pub(crate) base: u32,
    pub(crate) quote: u32,
    /// Business date, as text.
    pub(crate) date: u32,
    pub(crate) nanos: i64,
}

/// One tenant's facts. Cheap to clone: the columns are shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// Fold version up to which rows are in.
    pub(crate) version: i64,
    /// Highest position folded, by source.
    pub(crate) positions: [i64; crate::fold::SOURCES.len()],
    /// Ids of partners; 0 is no partner.
    pub(crate) partners: Arc<Texts>,
    /// All other texts; 0 is the empty one.
    pub(crate) texts: Arc<Texts>,
    /// Lists of numbers; 0 is the empty one.
    pub(crate) lists: Arc<Lists>,
    // By partner.
    pub(crate) attributes: Arc<Ragged<Fact<Attributes>>>,
    pub(crate) enrollments: Arc<Ragged<Fact<Enrollment>>>,
    pub(crate) activities: Arc<Ragged<Fact<Activity>>>,
    pub(crate) trainings: Arc<Ragged<Fact<i64>>>,
    pub(crate) portal_days: Arc<Ragged<Fact<PortalDay>>>,
    pub(crate) certifications: Arc<Ragged<Fact<Certification>>>,
    pub(crate) onboardings: Arc<Ragged<Fact<i64>>>,
    pub(crate) postings: Arc<Ragged<Fact<Posting>>>,
    // Of the tenant: one row.
    pub(crate) tiers: Arc<Ragged<Fact<Tier>>>,
    pub(crate) settings: Arc<Ragged<Fact<Settings>>>,
    pub(crate) rates: Arc<Ragged<Fact<Rate>>>,
}

impl Frame {
    /// Number of partners known, [`DIRECT`] included.
    pub(crate) fn partner_count(&self) -> u32 {
        self.partners.count()
    }

    /// Memory that the frame holds, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.partners.bytes()
            + self.texts.bytes()
            + self.lists.bytes()
            + self.attributes.bytes()
            + self.enrollments.bytes()
            + self.activities.bytes()
            + self.trainings.bytes()
            + self.portal_days.bytes()
            + self.certifications.bytes()
            + self.onboardings.bytes()
            + self.postings.bytes()
            + self.tiers.bytes()
            + self.settings.bytes()
            + self.rates.bytes()
    }

    /// The attributes of a partner at a cut.
    pub(crate) fn attributes_at(&self, partner: u32, cut: Cut) -> Option<&Attributes> {
        self.attributes.row(partner).iter().find(|f| f.span.holds(cut)).map(|f| &f.value)
    }

    /// Reporting currency and time zone at a cut; defaults where none are set.
    pub(crate) fn settings_at(&self, cut: Cut) -> (&str, &str) {
        let found = self.settings.row(0).iter().find(|f| f.span.holds(cut));
        let of = |text: u32, default: &'static str| match self.texts.get(text) {
            "" => default,
            set => set,
        };
        found.map_or(("USD", "UTC"), |f| (of(f.value.currency, "USD"), of(f.value.zone, "UTC")))
    }
}
