//! Rows of different lengths in one column: facts by partner.

/// Items by row, sorted within each row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ragged<T> {
    /// End of each row in `items`.
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Ragged<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

/// Items to add and to remove, with their rows.
#[derive(Debug, Clone)]
pub(super) struct Edit<T> {
    pub(super) added: Vec<(u32, T)>,
    pub(super) removed: Vec<(u32, T)>,
}

impl<T> Default for Edit<T> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new() }
    }
}

impl<T> Edit<T> {
    pub(super) const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.added.as_slice()) + size_of_val(self.removed.as_slice())
    }
}

impl<T: Copy + Ord> Ragged<T> {
    /// Returns the items of a row, or none if there is no such row.
    pub(super) fn row(&self, row: u32) -> &[T] {
        let row = row as usize;
        let Some(end) = self.ends.get(row) else { return &[] };
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.items.get(start as usize..*end as usize).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> usize {
        self.items.len() * size_of::<T>() + self.ends.len() * 4
    }

    /// Returns a copy with an edit applied. Each removal removes one equal item;
    /// which of several does not matter.
    pub(super) fn edited(&self, mut edit: Edit<T>) -> Self {
        edit.added.sort_unstable();
        edit.removed.sort_unstable();
        let last = edit.added.last().map_or(0, |(row, _)| *row as usize + 1);
        let rows = self.ends.len().max(last);
        let mut items = Vec::with_capacity(self.items.len() + edit.added.len());
        let mut ends = Vec::with_capacity(rows);
        let (mut added, mut removed) = (edit.added.as_slice(), edit.removed.as_slice());
        for row in 0..u32::try_from(rows).unwrap_or(u32::MAX) {
            let (new, gone) = (take(&mut added, row), take(&mut removed, row));
            if new.is_empty() && gone.is_empty() {
                items.extend_from_slice(self.row(row));
            } else {
                merge(self.row(row), new, gone, &mut items);
            }
            ends.push(u32::try_from(items.len()).unwrap_or(u32::MAX));
        }
        Self { ends, items }
    }
}

/// Splits the items of a row off the front.
fn take<'a, T>(rest: &mut &'a [(u32, T)], row: u32) -> &'a [(u32, T)] {
    let count = rest.partition_point(|(r, _)| *r <= row);
    let (mine, after) = rest.split_at(count);
    *rest = after;
    mine
}

fn merge<T: Copy + Ord>(old: &[T], new: &[(u32, T)], gone: &[(u32, T)], out: &mut Vec<T>) {
    let (mut new, mut gone) = (new.iter().peekable(), gone.iter().peekable());
    for item in old {
        while let Some((_, first)) = new.next_if(|(_, n)| n < item) {
            out.push(*first);
        }
        if gone.next_if(|(_, g)| g == item).is_none() {
            out.push(*item);
        }
    }
    out.extend(new.map(|(_, n)| *n));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn edits_match_those_of_a_plain_list(
            first in prop::collection::vec((0_u32..5, 0_i32..6), 0..40),
            second in prop::collection::vec((0_u32..7, 0_i32..6), 0..20),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..15),
        ) {
            let base = Ragged::default().edited(Edit { added: first.clone(), removed: vec![] });
            let mut plain = first.clone();
            let mut removed = Vec::new();
            for pick in picks {
                if !plain.is_empty() {
                    removed.push(plain.swap_remove(pick.index(plain.len())));
                }
            }
            plain.extend(second.clone());
            plain.sort_unstable();
            let edited = base.edited(Edit { added: second, removed });
            for row in 0..8 {
                let expected: Vec<i32> = plain.iter().filter(|(r, _)| *r == row).map(|(_, i)| *i).collect();
                prop_assert_eq!(edited.row(row), expected.as_slice());
            }
        }
    }
}
