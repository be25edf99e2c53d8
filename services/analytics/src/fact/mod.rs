//! The kinds of facts, one file each: what is read from an event, what is stored
//! of it, what its rows mean, and which columns they fill.
//!
//! A new kind needs a file and a line in [`KINDS`], and a field in [`Columns`] if
//! it fills a new column.

pub(crate) mod activity;
mod campaign;
pub(crate) mod certification;
pub(crate) mod columns;
pub(crate) mod deal;
pub(crate) mod enrollment;
mod kind;
mod onboarding;
pub(crate) mod partner;
pub(crate) mod portal;
pub(crate) mod rate;
pub(crate) mod settings;
pub(crate) mod tier;
pub(crate) mod training;

use columns::Columns;
use kind::FactKind;
use stoa_events::Event;
use stoa_kernel::Result;

use crate::{
    column::{Change, intern::Interner},
    row::{Document, Row},
};

/// Derives the facts of one aggregate from all of its rows, and adds them to the
/// columns or removes them.
type Derive = fn(&[&Row], &mut Interner, Change, &mut Columns) -> Result<()>;

/// Every kind, with the columns that hold its facts.
const KINDS: [(FactKind, Derive); 11] = [
    (settings::KIND, |rows, interner, change, to| settings::derive(rows, interner, to.settings.edit(change))),
    (tier::KIND, |rows, interner, change, to| tier::derive(rows, interner, to.tiers.edit(change))),
    (partner::KIND, |rows, interner, change, to| partner::derive(rows, interner, to.attributes.edit(change))),
    (enrollment::KIND, |rows, interner, change, to| enrollment::derive(rows, interner, to.enrollments.edit(change))),
    (onboarding::KIND, |rows, interner, change, to| onboarding::derive(rows, interner, to.onboardings.edit(change))),
    (training::KIND, |rows, interner, change, to| training::derive(rows, interner, to.trainings.edit(change))),
    (certification::KIND, |rows, interner, change, to| certification::derive(rows, interner, to.certifications.edit(change))),
    (portal::KIND, |rows, interner, change, to| portal::derive(rows, interner, to.portal_days.edit(change))),
    (campaign::KIND, |rows, interner, change, to| campaign::derive(rows, interner, to.activities.edit(change))),
    (deal::KIND, |rows, interner, change, to| deal::derive(rows, interner, to.activities.edit(change), to.postings.edit(change))),
    (rate::KIND, |rows, interner, change, to| rate::derive(rows, interner, to.rates.edit(change))),
];

/// Returns what is stored of an event, if anything.
///
/// # Errors
/// If the event's message cannot be decoded.
pub(crate) fn fold(event: &Event) -> Result<Option<Document>> {
    let kind = KINDS.iter().find(|(kind, _)| kind.takes(&event.subject));
    kind.map_or(Ok(None), |(kind, _)| (kind.fold)(event))
}

/// Adds the facts of one aggregate to the columns, or removes them. The rows are
/// in version order.
///
/// # Errors
/// If a row holds anything other than what this code stores.
pub(crate) fn derive(rows: &[&Row], interner: &mut Interner, change: Change, columns: &mut Columns) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let number = first.kind()?;
    for row in rows {
        let other = row.kind()?;
        if other != number {
            return Err(row.inconsistent(&format!("its kind is {other}, but earlier versions have kind {number}")));
        }
    }
    let kind = KINDS.iter().find(|(kind, _)| kind.number == number);
    let (_, derive) = kind.ok_or_else(|| first.inconsistent(&format!("kind {number} is unknown")))?;
    derive(rows, interner, change, columns)
}

#[cfg(test)]
mod tests;
