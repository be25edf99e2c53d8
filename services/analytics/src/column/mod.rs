//! Columns of facts, which make up a tenant's frame.
//!
//! A fact is a value with the two spans in which it holds: one of `as_of` and one
//! of `known_at`. A column has the facts of one kind, by partner or in a single
//! row for the tenant.

pub(crate) mod derive;
pub(crate) mod intern;
pub(crate) mod overlay;
mod ragged;
pub(crate) mod span;

use std::sync::Arc;

use ragged::{Edit, Ragged};
use span::Fact;

/// Facts by row, and the pending edit. Cheap to clone, because the facts are
/// shared.
#[derive(Debug, Clone)]
pub(crate) struct Column<T> {
    facts: Arc<Ragged<Fact<T>>>,
    edit: Edit<Fact<T>>,
}

/// Whether facts are added to a column or removed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

/// Facts, each with its row.
pub(crate) type Placed<T> = Vec<(u32, Fact<T>)>;

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { facts: Arc::default(), edit: Edit::default() }
    }
}

impl<T: Copy + Ord> Column<T> {
    /// Returns the facts of a row, or none if there is no such row. Pending edits
    /// are not included until they are settled.
    pub(crate) fn row(&self, row: u32) -> &[Fact<T>] {
        self.facts.row(row)
    }

    /// Returns the list that collects facts for the next [`Editable::settle`].
    pub(crate) const fn edit(&mut self, change: Change) -> &mut Placed<T> {
        match change {
            Change::Add => &mut self.edit.added,
            Change::Remove => &mut self.edit.removed,
        }
    }
}

/// What a frame does with every column, regardless of the type of its facts.
pub(crate) trait Editable {
    /// Memory of the pending edit, in bytes.
    fn edit_bytes(&self) -> usize;

    /// Applies the pending edit. Returns the memory of the facts, in bytes.
    fn settle(&mut self) -> usize;
}

impl<T: Copy + Ord> Editable for Column<T> {
    fn edit_bytes(&self) -> usize {
        self.edit.bytes()
    }

    fn settle(&mut self) -> usize {
        let edit = std::mem::take(&mut self.edit);
        if !edit.is_empty() {
            self.facts = Arc::new(self.facts.edited(edit));
        }
        self.facts.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::{span::Span, *};

    #[test]
    fn an_edit_is_visible_once_it_is_settled_but_not_in_earlier_clones() {
        let fact = |value| Fact { value, span: Span::new((0, 1), (0, 1)) };
        let mut column = Column::default();
        column.edit(Change::Add).extend([(2, fact('b')), (2, fact('a'))]);
        assert!(column.row(2).is_empty() && column.edit_bytes() > 0);
        assert!(column.settle() > 0);
        assert_eq!((column.row(2), column.edit_bytes()), ([fact('a'), fact('b')].as_slice(), 0));

        let earlier = column.clone();
        column.edit(Change::Remove).push((2, fact('a')));
        column.settle();
        assert_eq!((column.row(2).len(), earlier.row(2).len()), (1, 2));
    }
}
