//! Spans in which facts hold, and cuts at which questions are asked.

/// An instant after all others. A span that ends with it is open.
pub(crate) const OPEN: i64 = i64::MAX;

/// Selects the facts that happened before `as_of` and were recorded before
/// `known_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) as_of: i64,
    pub(crate) known_at: i64,
}

/// The cuts at which a fact holds: `from < as_of <= to` and `known_from < known_at
/// <= known_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) known_from: i64,
    pub(crate) known_to: i64,
}

impl Span {
    /// Creates a span from its two parts.
    pub(crate) const fn new((from, to): (i64, i64), (known_from, known_to): (i64, i64)) -> Self {
        Self { from, to, known_from, known_to }
    }

    pub(crate) const fn holds(&self, cut: Cut) -> bool {
        self.from < cut.as_of && cut.as_of <= self.to && self.known_from < cut.known_at && cut.known_at <= self.known_to
    }
}

/// A value and the span in which it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}
