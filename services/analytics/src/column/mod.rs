//! Columns of facts: what a tenant's frame is made of.
//!
//! A fact is a value together with the two spans in which it holds: from and to
//! which `as_of`, and from and to which `known_at`. A column has the facts of
//! one sort, by partner or in one row for the tenant.

pub(crate) mod derive;
pub(crate) mod intern;
pub(crate) mod overlay;
mod ragged;
pub(crate) mod span;

use std::sync::Arc;

use ragged::{Edit, Ragged};
use span::Fact;

/// Facts by row, and the edit that is being collected. Cheap to clone: the
/// facts are shared.
#[derive(Debug, Clone)]
pub(crate) struct Column<T> {
    facts: Arc<Ragged<Fact<T>>>,
    edit: Edit<Fact<T>>,
}

/// Whether facts enter a column or leave it.
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
    /// The facts of a row; none if there is no such row. What is being collected
    /// is not among them before it is settled.
    pub(crate) fn row(&self, row: u32) -> &[Fact<T>] {
        self.facts.row(row)
    }

    /// Where facts are collected for the next [`Editable::settle`].
    pub(crate) const fn edit(&mut self, change: Change) -> &mut Placed<T> {
        match change {
            Change::Add => &mut self.edit.added,
            Change::Remove => &mut self.edit.removed,
        }
    }
}

/// What a frame does with every column, whatever its facts are.
pub(crate) trait Editable {
    /// Memory that the collected edit holds.
    fn edit_bytes(&self) -> usize;

    /// Does the collected edit; the memory that the facts hold then.
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
    fn an_edit_shows_once_it_is_settled_and_in_no_earlier_clone() {
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
