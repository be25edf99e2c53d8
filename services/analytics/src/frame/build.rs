//! A frame from the one before it and the aggregates that changed since.

use std::sync::Arc;

use stoa_kernel::Result;

use super::Frame;
use crate::{
    column::{Change, intern::Interner},
    fact,
    fold::store::Folded,
    row::Row,
};

/// Collects what changes.
#[derive(Debug)]
pub(crate) struct Builder {
    /// The frame before, whose columns collect the edits.
    frame: Frame,
    interner: Interner,
}

impl Builder {
    pub(crate) fn new(base: &Frame) -> Self {
        let interner = Interner { partners: (*base.partners).clone(), texts: (*base.texts).clone(), lists: (*base.lists).clone() };
        Self { frame: base.clone(), interner }
    }

    /// Takes all rows of one aggregate, in the order of versions. The facts that
    /// the base had of it are removed, and all that it has now are added.
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

    /// Memory that the builder holds beside the base, roughly.
    pub(crate) fn bytes(&mut self) -> usize {
        self.interner.bytes() + self.frame.facts.edit_bytes()
    }

    /// The frame with everything up to a fold version.
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

/// Splits rows, ordered by aggregate, into those of each aggregate.
pub(crate) fn by_aggregate(rows: &[Folded]) -> impl Iterator<Item = &[Folded]> {
    rows.chunk_by(|a, b| a.row.aggregate == b.row.aggregate)
}
