//! What an import did, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use stoa_proto::sell::v1::{CrmFindingKind, CrmRowOutcome, CrmRowResult};

/// A line with something to know about it.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// Line in the file, the header being line 1.
    pub line: u64,
    /// Id of the row in the CRM.
    pub id: String,
    /// Kind of finding, or reason of the refusal.
    pub kind: String,
    /// What it means.
    pub message: String,
}

/// Counts and notes of an import.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Lines of the pipeline, the header not counted.
    pub rows: u64,
    /// Rows that are in the suite now: created, updated or unchanged.
    pub taken: u64,
    /// Rows that made a new deal.
    pub created: u64,
    /// Rows that changed a deal.
    pub updated: u64,
    /// Rows that the suite had already.
    pub unchanged: u64,
    /// Rows that contradict what is final.
    pub conflicts: u64,
    /// Rows that could not be understood.
    pub rejected: u64,
    /// Partners enrolled by this run.
    pub partners_enrolled: u64,
    /// Everything that this run changed, partners included; 0 when run again.
    pub changes: u64,
    /// Findings by kind.
    pub finding_counts: BTreeMap<String, u64>,
    /// Rows that were taken with something odd about them.
    pub findings: Vec<Note>,
    /// Rows that were refused, with line and reason.
    pub rejections: Vec<Note>,
}

impl Summary {
    /// Counts a line that cannot be understood.
    pub fn refuse(&mut self, line: u64, id: &str, reason: &str, message: String) {
        self.rejected += 1;
        self.rejections.push(Note { line, id: id.to_owned(), kind: reason.to_owned(), message });
    }

    /// Counts the answer to a row.
    pub fn count(&mut self, line: u64, result: &CrmRowResult) {
        match result.outcome() {
            CrmRowOutcome::Created => self.created += 1,
            CrmRowOutcome::Updated => self.updated += 1,
            CrmRowOutcome::Unchanged => self.unchanged += 1,
            CrmRowOutcome::Conflict => self.conflicts += 1,
            CrmRowOutcome::Rejected | CrmRowOutcome::Unspecified => {
                let errors: Vec<String> = result.errors.iter().map(|e| format!("{} {}", e.field, e.message).trim().to_owned()).collect();
                let reason = result.errors.first().map_or("UNKNOWN", |e| &e.reason);
                self.refuse(line, &result.remote_id, reason, errors.join("; "));
            }
        }
        for finding in &result.findings {
            let kind = CrmFindingKind::as_str_name(&finding.kind()).trim_start_matches("CRM_FINDING_KIND_").to_owned();
            *self.finding_counts.entry(kind.clone()).or_default() += 1;
            self.findings.push(Note { line, id: result.remote_id.clone(), kind, message: finding.message.clone() });
        }
        self.taken = self.created + self.updated + self.unchanged;
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} rows: {} created, {} updated, {} unchanged, {} conflicts, {} rejected\n{} partners enrolled, {} changes in all\n",
            self.rows, self.created, self.updated, self.unchanged, self.conflicts, self.rejected, self.partners_enrolled, self.changes
        );
        for (kind, count) in &self.finding_counts {
            let example = self.findings.iter().find(|f| f.kind == *kind);
            let example = example.map(|f| format!("; line {}: {}", f.line, f.message)).unwrap_or_default();
            text += &format!("finding {kind}: {count}{example}\n");
        }
        for note in self.rejections.iter().take(20) {
            text += &format!("rejected line {} ({}): {}\n", note.line, note.id, note.message);
        }
        if self.rejections.len() > 20 {
            text += &format!("… and {} more; --json lists them all\n", self.rejections.len() - 20);
        }
        text
    }
}
