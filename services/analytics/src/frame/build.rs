//! Builds a frame from the previous one and the aggregates that have changed since.

use std::sync::Arc;

use stoa_kernel::Result;

use super::Frame;
use crate::{
    column::{Change, intern::Interner},
    fact,
    fold::store::Folded,
    row::Row,
};

/// Collects the changes for a new frame.
#[derive(Debug)]
pub(crate) struct Builder {
    /// The previous frame, whose columns collect the edits.
    frame: Frame,
    interner: Interner,
}

impl Builder {
    pub(crate) fn new(base: &Frame) -> Self {
        let interner = Interner { partners: (*base.partners).clone(), texts: (*base.texts).clone(), lists: (*base.lists).clone() };
        Self { frame: base.clone(), interner }
    }

    /// Takes all rows of one aggregate, in version order. Removes the facts that the
    /// base has of it, and adds all facts that it has now.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub(crate) fn aggregate(&mut self, rows: &[Folded]) -> Result<()> {
        let had: Vec<&Row> = rows.iter().filter(|f| f.fold_version <= self.frame.version).map(|f| &f.row).collect();
        let have: Vec<&Row> = rows.iter().map(|f| &f.row).collect();
        if had.len() == have.len() {
            return Ok(());
        }
        fact::derive(&had, &mut self.interner, Change::Remove, &mut self.frame.facts)?;
        fact::derive(&have, &mut self.interner, Change::Add, &mut self.frame.facts)?;
        for row in have {
            let source = usize::try_from(row.source).unwrap_or_default();
            if let Some(position) = self.frame.positions.get_mut(source) {
                *position = (*position).max(row.position);
            }
        }
        Ok(())
    }

    /// Approximate memory of the builder in addition to the base, in bytes.
    pub(crate) fn bytes(&mut self) -> usize {
        self.interner.bytes() + self.frame.facts.edit_bytes()
    }

    /// Returns the frame with everything up to a fold version.
    pub(crate) fn finish(self, version: i64) -> Frame {
        let Self { mut frame, interner } = self;
        frame.version = version;
        frame.bytes = interner.bytes() + frame.facts.settle();
        frame.partners = Arc::new(interner.partners);
        frame.texts = Arc::new(interner.texts);
        frame.lists = Arc::new(interner.lists);
        frame
    }
}

/// Splits rows that are ordered by aggregate into those of each aggregate.
pub(crate) fn by_aggregate(rows: &[Folded]) -> impl Iterator<Item = &[Folded]> {
    rows.chunk_by(|a, b| a.row.aggregate == b.row.aggregate)
}
