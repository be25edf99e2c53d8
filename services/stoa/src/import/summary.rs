//! The summary of an import, as text and as JSON.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;
use stoa_proto::sell::v1::{CrmFindingKind, CrmRowOutcome, CrmRowResult};

const PIPELINE_FILE: &str = "sales_pipeline.csv";
const TEAMS_FILE: &str = "sales_teams.csv";

/// Maximum number of rejections in the text. JSON has all of them.
const SHOWN_MAX: usize = 20;
/// Maximum number of overlaps in the text.
const OVERLAPS_SHOWN_MAX: usize = 5;

/// Origin and subject of a pushed row.
#[derive(Debug, Clone)]
pub struct Place {
    /// Line number in the file. The header is line 1.
    pub line: u64,
    /// Name of the account.
    pub customer: String,
    /// Name of the product line.
    pub product_line: String,
}

/// A note about a line.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// The file.
    pub file: &'static str,
    /// Line number in the file. The header is line 1.
    pub line: u64,
    /// ID of the row in the CRM.
    pub id: String,
    /// Kind of finding, or reason of the refusal.
    pub kind: String,
    /// Description of the finding or the refusal.
    pub message: String,
}

/// A row that overlaps with another partner's.
#[derive(Debug, Clone, Serialize)]
pub struct OverlapRow {
    /// Line number in the pipeline.
    pub line: u64,
    /// ID of the row in the CRM.
    pub id: String,
}

/// A customer for whom several partners were registered at the same time with the
/// same product line.
#[derive(Debug, Clone, Serialize)]
pub struct Overlap {
    /// Name of the account.
    pub customer: String,
    /// Name of the product line.
    pub product_line: String,
    /// Rows that overlap with another partner's.
    pub count: u64,
    /// Number of the first of their lines.
    pub first_line: u64,
    /// Number of the last of their lines.
    pub last_line: u64,
    /// All of these rows.
    pub rows: Vec<OverlapRow>,
}

/// Counts and notes of an import.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Lines of the pipeline, without the header.
    pub rows: u64,
    /// Rows that are in the suite now: created, updated or unchanged.
    pub taken: u64,
    /// Rows that created a deal.
    pub created: u64,
    /// Rows that changed a deal.
    pub updated: u64,
    /// Rows that the suite already had.
    pub unchanged: u64,
    /// Rows that contradict a final state.
    pub conflicts: u64,
    /// Rows that were invalid or rejected.
    pub rejected: u64,
    /// Partners enrolled by this run.
    pub partners_enrolled: u64,
    /// Partners that could not be enrolled or assigned to their CAM.
    pub partners_rejected: u64,
    /// Everything that this run changed, including partners. 0 if run again.
    pub changes: u64,
    /// Number of findings by kind, including overlaps.
    pub finding_counts: BTreeMap<String, u64>,
    /// Findings other than overlaps.
    pub findings: Vec<Note>,
    /// Overlaps by customer and product line, most frequent first.
    pub overlaps: Vec<Overlap>,
    /// Refused rows, with file, line and reason.
    pub rejections: Vec<Note>,
}

impl Summary {
    /// Counts a line that is invalid or was rejected.
    pub fn refuse(&mut self, line: u64, id: &str, reason: &str, message: String) {
        self.rejected += 1;
        self.rejections.push(Note { file: PIPELINE_FILE, line, id: id.to_owned(), kind: reason.to_owned(), message });
    }

    /// Counts a partner that was refused.
    pub fn refuse_partner(&mut self, line: u64, id: &str, reason: &str, message: String) {
        self.partners_rejected += 1;
        self.rejections.push(Note { file: TEAMS_FILE, line, id: id.to_owned(), kind: reason.to_owned(), message });
    }

    /// Counts the answer to a row.
    pub fn count(&mut self, place: &Place, result: &CrmRowResult) {
        match result.outcome() {
            CrmRowOutcome::Created => self.created += 1,
            CrmRowOutcome::Updated => self.updated += 1,
            CrmRowOutcome::Unchanged => self.unchanged += 1,
            CrmRowOutcome::Conflict => self.conflicts += 1,
            CrmRowOutcome::Rejected | CrmRowOutcome::Unspecified => {
                let errors: Vec<String> = result.errors.iter().map(|e| format!("{} {}", e.field, e.message).trim().to_owned()).collect();
                let reason = result.errors.first().map_or("UNKNOWN", |e| &e.reason);
                self.refuse(place.line, &result.remote_id, reason, errors.join("; "));
            }
        }
        for finding in &result.findings {
            let kind = CrmFindingKind::as_str_name(&finding.kind()).trim_start_matches("CRM_FINDING_KIND_").to_owned();
            *self.finding_counts.entry(kind.clone()).or_default() += 1;
            if finding.kind() == CrmFindingKind::Overlap {
                self.overlap(place, &result.remote_id);
            } else {
                let note =
                    Note { file: PIPELINE_FILE, line: place.line, id: result.remote_id.clone(), kind, message: finding.message.clone() };
                self.findings.push(note);
            }
        }
        self.taken = self.created + self.updated + self.unchanged;
    }

    fn overlap(&mut self, place: &Place, id: &str) {
        let row = OverlapRow { line: place.line, id: id.to_owned() };
        let same = |o: &&mut Overlap| o.customer == place.customer && o.product_line == place.product_line;
        if let Some(known) = self.overlaps.iter_mut().find(same) {
            known.count += 1;
            known.first_line = known.first_line.min(row.line);
            known.last_line = known.last_line.max(row.line);
            known.rows.push(row);
            return;
        }
        self.overlaps.push(Overlap {
            customer: place.customer.clone(),
            product_line: place.product_line.clone(),
            count: 1,
            first_line: row.line,
            last_line: row.line,
            rows: vec![row],
        });
    }

    /// Sorts the notes into reading order.
    pub(super) fn finish(&mut self) {
        let key = |o: &Overlap| (std::cmp::Reverse(o.count), o.customer.clone(), o.product_line.clone());
        self.overlaps.sort_by_cached_key(key);
        self.rejections.sort_by(|a, b| (a.file, a.line).cmp(&(b.file, b.line)));
    }

    /// Returns the summary as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} rows: {} created, {} updated, {} unchanged, {} conflicts, {} rejected\n{} partners enrolled, {} refused; {} changes in all\n",
            self.rows,
            self.created,
            self.updated,
            self.unchanged,
            self.conflicts,
            self.rejected,
            self.partners_enrolled,
            self.partners_rejected,
            self.changes
        );
        for (kind, count) in &self.finding_counts {
            let example = self.findings.iter().find(|f| f.kind == *kind);
            let example = example.map(|f| format!("; line {}: {}", f.line, f.message)).unwrap_or_default();
            let pairs = if kind == "OVERLAP" { self.overlapping() } else { String::new() };
            let _ = writeln!(text, "finding {kind}: {count} rows{example}{pairs}");
        }
        for note in self.rejections.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "rejected {} line {} ({}): {}", note.file, note.line, note.id, note.message);
        }
        if self.rejections.len() > SHOWN_MAX {
            let _ = writeln!(text, "… and {} more; --json lists them all", self.rejections.len() - SHOWN_MAX);
        }
        text
    }

    fn overlapping(&self) -> String {
        let mut text = format!(" of {} customers and product lines that several partners were registered for", self.overlaps.len());
        for o in self.overlaps.iter().take(OVERLAPS_SHOWN_MAX) {
            let _ = write!(text, "\n  {}, {}: {} rows, lines {} to {}", o.customer, o.product_line, o.count, o.first_line, o.last_line);
        }
        if self.overlaps.len() > OVERLAPS_SHOWN_MAX {
            let _ = write!(text, "\n  … and {} more; --json lists them all", self.overlaps.len() - OVERLAPS_SHOWN_MAX);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use stoa_proto::sell::v1::CrmFinding;

    use super::*;

    #[test]
    fn overlaps_are_grouped_by_customer_and_product_line() {
        let mut summary = Summary::default();
        let finding = CrmFinding { kind: CrmFindingKind::Overlap.into(), message: String::new() };
        for (line, customer) in [(2, "Isdom"), (9, "Cancity"), (5, "Cancity")] {
            let result = CrmRowResult {
                remote_id: format!("r{line}"),
                outcome: CrmRowOutcome::Created.into(),
                findings: vec![finding.clone()],
                ..Default::default()
            };
            summary.count(&Place { line, customer: customer.into(), product_line: "GTX".into() }, &result);
        }
        summary.finish();
        assert_eq!((summary.finding_counts["OVERLAP"], summary.findings.len(), summary.overlaps.len()), (3, 0, 2));
        let most = &summary.overlaps[0];
        assert_eq!((most.customer.as_str(), most.count, most.first_line, most.last_line), ("Cancity", 2, 5, 9));
        assert_eq!(summary.overlaps.iter().map(|o| o.rows.len()).sum::<usize>(), 3, "nothing is lost");
        let text = summary.text();
        assert!(text.contains("OVERLAP: 3 rows of 2 customers") && text.contains("Cancity, GTX: 2 rows, lines 5 to 9"), "{text}");
    }
}
