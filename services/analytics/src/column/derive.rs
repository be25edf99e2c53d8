//! Derives the facts of an aggregate from all of its rows. Pure: the result
//! depends on the rows, not on the order in which they were folded.

use prost::Message;
use stoa_kernel::Result;

use super::{
    Placed,
    overlay::{Knowledge, Overlay},
    span::{Fact, OPEN, Span},
};
use crate::row::Row;

/// State of one version of an overlaid noun.
pub(crate) struct Overlaid<T> {
    /// Row of the column.
    pub(crate) row: u32,
    pub(crate) value: T,
    /// Start of the value's span if this is the first version, unless the version
    /// happened earlier.
    pub(crate) first_from: i64,
}

/// Derives the facts of an *overlaid* noun: at a cut, the highest version that
/// happened before `as_of` and was recorded before `known_at` holds. A first
/// version that holds from [`i64::MIN`] on also covers the time before it, so
/// that history imported later finds it.
pub(crate) fn overlaid<S, T>(rows: &[&Row], out: &mut Placed<T>, mut read: impl FnMut(&Row, S) -> Overlaid<T>) -> Result<()>
where
    S: Message + Default,
    T: Copy + PartialEq,
{
    let mut overlay = Overlay::new();
    let mut knowledge = Knowledge::new();
    for (i, row) in rows.iter().enumerate() {
        let version = read(row, row.state()?);
        let from = if i == 0 { version.first_from.min(row.occurred) } else { row.occurred };
        overlay.push(from, (version.row, version.value));
        knowledge.now(row.recorded, overlay.spans().collect());
    }
    let fact =
        |((from, to, (row, value)), known_from, known_to)| (row, Fact { value, span: Span::new((from, to), (known_from, known_to)) });
    out.extend(knowledge.facts().map(fact));
    Ok(())
}

/// State of one version of a dated noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated<T> {
    /// Row of the column.
    pub(crate) row: u32,
    /// The instant that the state carries.
    pub(crate) at: i64,
    pub(crate) value: T,
}

/// Derives the facts of a *dated* noun, whose state carries its own instant: the
/// highest known version holds. `read` returns `None` if a state has no instant
/// yet.
pub(crate) fn dated<S, T>(rows: &[&Row], out: &mut Placed<T>, mut read: impl FnMut(S) -> Option<Dated<T>>) -> Result<()>
where
    S: Message + Default,
    T: Copy + PartialEq,
{
    let mut knowledge = Knowledge::new();
    for row in rows {
        knowledge.now(row.recorded, read(row.state()?).into_iter().collect());
    }
    let fact = |(d, known_from, known_to): (Dated<T>, i64, i64)| {
        (d.row, Fact { value: d.value, span: Span::new((d.at, OPEN), (known_from, known_to)) })
    };
    out.extend(knowledge.facts().map(fact));
    Ok(())
}
