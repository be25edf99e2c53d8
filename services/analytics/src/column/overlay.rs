//! Turns the versions of an aggregate into spans.

use super::span::OPEN;

/// A value over time. A later version overrides the earlier ones from its instant
/// on.
#[derive(Debug, Clone)]
pub(crate) struct Overlay<V> {
    bounds: Vec<(i64, V)>,
}

impl<V: Copy> Overlay<V> {
    pub(crate) const fn new() -> Self {
        Self { bounds: Vec::new() }
    }

    /// Adds the next version: `value` holds from an instant on.
    pub(crate) fn push(&mut self, from: i64, value: V) {
        while self.bounds.last().is_some_and(|(at, _)| *at >= from) {
            self.bounds.pop();
        }
        self.bounds.push((from, value));
    }

    /// Returns the spans of `as_of`, each with the value that holds in it.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (i64, i64, V)> + '_ {
        self.bounds.iter().enumerate().map(|(i, (from, value))| {
            let to = self.bounds.get(i + 1).map_or(OPEN, |(next, _)| *next);
            (*from, to, *value)
        })
    }
}

/// Turns the values that hold after each version into facts with spans of
/// `known_at`: a value that a version removes was known until that version was
/// recorded.
#[derive(Debug)]
pub(crate) struct Knowledge<K> {
    open: Vec<(K, i64)>,
    closed: Vec<(K, i64, i64)>,
}

impl<K: PartialEq + Copy> Knowledge<K> {
    pub(crate) const fn new() -> Self {
        Self { open: Vec::new(), closed: Vec::new() }
    }

    /// Sets the values that hold from an instant of recording on.
    pub(crate) fn now(&mut self, recorded: i64, mut values: Vec<K>) {
        let closed = &mut self.closed;
        self.open.retain(|(known, since)| match values.iter().position(|v| v == known) {
            Some(at) => {
                values.swap_remove(at);
                true
            }
            None => {
                // Replaced in the transaction that recorded it, so never seen.
                if *since < recorded {
                    closed.push((*known, *since, recorded));
                }
                false
            }
        });
        self.open.extend(values.into_iter().map(|v| (v, recorded)));
    }

    /// Returns all values with the spans in which they were known.
    pub(crate) fn facts(self) -> impl Iterator<Item = (K, i64, i64)> {
        self.closed.into_iter().chain(self.open.into_iter().map(|(k, since)| (k, since, OPEN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_version_overrides_from_its_instant_on() {
        let mut overlay = Overlay::new();
        overlay.push(10, 'a');
        overlay.push(30, 'b');
        assert_eq!(overlay.spans().collect::<Vec<_>>(), [(10, 30, 'a'), (30, OPEN, 'b')]);
        // It happened earlier but was recorded later, so it overrides.
        overlay.push(20, 'c');
        assert_eq!(overlay.spans().collect::<Vec<_>>(), [(10, 20, 'a'), (20, OPEN, 'c')]);
    }

    #[test]
    fn a_value_that_vanishes_was_known_until_then() {
        let mut knowledge = Knowledge::new();
        knowledge.now(1, vec!['a', 'b']);
        knowledge.now(5, vec!['b', 'c']);
        knowledge.now(5, vec!['b']);
        let mut facts: Vec<_> = knowledge.facts().collect();
        facts.sort_unstable();
        assert_eq!(facts, [('a', 1, 5), ('b', 1, OPEN)]);
    }
}
