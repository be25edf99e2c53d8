//! A frame from the one before it and the aggregates that changed since.

use std::sync::Arc;

use super::{
    Frame,
    derive::{Facts, Names, derive},
    ragged::{Edit, Ragged},
};
use crate::fold::{Row, store::Folded};

/// Collects what changes.
#[derive(Debug)]
pub(crate) struct Builder {
    base: Frame,
    names: Names,
    added: Facts,
    removed: Facts,
}

impl Builder {
    pub(crate) fn new(base: &Frame) -> Self {
        let names = Names { partners: (*base.partners).clone(), texts: (*base.texts).clone(), lists: (*base.lists).clone() };
        Self { base: base.clone(), names, added: Facts::default(), removed: Facts::default() }
    }

    /// Takes all rows of one aggregate, in the order of versions. Those that the
    /// base had are taken out as they were, and all come in as they are.
    pub(crate) fn aggregate(&mut self, rows: &[Folded]) {
        let had: Vec<&Row> = rows.iter().filter(|f| f.fold_version <= self.base.version).map(|f| &f.row).collect();
        let have: Vec<&Row> = rows.iter().map(|f| &f.row).collect();
        if had.len() == have.len() {
            return;
        }
        derive(&had, &mut self.names, &mut self.removed);
        derive(&have, &mut self.names, &mut self.added);
        for row in have {
            let source = usize::try_from(row.source).unwrap_or_default();
            if let Some(position) = self.base.positions.get_mut(source) {
                *position = (*position).max(row.position);
            }
        }
    }

    /// Memory that the builder holds, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.names.bytes() + self.added.bytes() + self.removed.bytes()
    }

    /// The frame with everything up to a fold version.
    pub(crate) fn finish(self, version: i64) -> Frame {
        let Self { base, names, added, removed } = self;
        Frame {
            version,
            positions: base.positions,
            partners: Arc::new(names.partners),
            texts: Arc::new(names.texts),
            lists: Arc::new(names.lists),
            attributes: column(base.attributes, added.attributes, removed.attributes),
            enrollments: column(base.enrollments, added.enrollments, removed.enrollments),
            activities: column(base.activities, added.activities, removed.activities),
            trainings: column(base.trainings, added.trainings, removed.trainings),
            portal_days: column(base.portal_days, added.portal_days, removed.portal_days),
            certifications: column(base.certifications, added.certifications, removed.certifications),
            onboardings: column(base.onboardings, added.onboardings, removed.onboardings),
            postings: column(base.postings, added.postings, removed.postings),
            tiers: column(base.tiers, added.tiers, removed.tiers),
            settings: column(base.settings, added.settings, removed.settings),
            rates: column(base.rates, added.rates, removed.rates),
        }
    }
}

fn column<T: Copy + Ord>(base: Arc<Ragged<T>>, added: Vec<(u32, T)>, removed: Vec<(u32, T)>) -> Arc<Ragged<T>> {
    let edit = Edit { added, removed };
    if edit.is_empty() { base } else { Arc::new(base.edited(edit)) }
}

/// Splits rows, ordered by aggregate, into those of each aggregate.
pub(crate) fn by_aggregate(rows: &[Folded]) -> impl Iterator<Item = &[Folded]> {
    rows.chunk_by(|a, b| a.row.aggregate == b.row.aggregate)
}
