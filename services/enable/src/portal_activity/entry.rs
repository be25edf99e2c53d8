//! The entries of a batch. A bad entry is rejected and never stops the others.

use stoa_kernel::{Cx, Error, Kind, Reason, Result, names};
use stoa_proto::{
    common::v1::ErrorReason as Common,
    enable::v1::{EntryError, ErrorReason, PortalActivityEntry, PortalActivityOutcome as Outcome, PortalActivityResult},
    onboard::v1::Partner,
    validate,
};

use super::View;

/// A batch whose entries were checked one by one.
#[derive(Debug)]
pub(super) struct Batch {
    /// Views of the valid entries.
    pub(super) views: Vec<View>,
    /// Results, one per entry, in order. Those of valid entries have no outcome
    /// yet.
    pub(super) results: Vec<PortalActivityResult>,
}

impl Batch {
    pub(super) fn accept(&mut self, entry: &PortalActivityEntry, view: View) {
        self.views.push(view);
        self.results.push(result(entry));
    }

    pub(super) fn refuse(&mut self, entry: &PortalActivityEntry, errors: Vec<EntryError>) {
        let mut result = result(entry);
        reject(&mut result, self.results.len(), errors);
        self.results.push(result);
    }
}

fn result(entry: &PortalActivityEntry) -> PortalActivityResult {
    PortalActivityResult { activity_id: entry.activity_id.clone(), ..PortalActivityResult::default() }
}

/// Returns an error for each limit of the proto that an entry violates.
pub(super) fn violations(entry: &PortalActivityEntry) -> Vec<EntryError> {
    let error = |v: validate::Violation| error(v.field, Common::InvalidField.into(), v.message);
    validate::violations(entry).into_iter().map(error).collect()
}

/// Returns the view that an entry reports, for the partner that was looked up.
pub(super) fn view(cx: &Cx, index: usize, entry: &PortalActivityEntry, partner: &Result<Partner>, zone: &str) -> Result<View> {
    let at = cx.occurred("view_time", entry.view_time.as_ref())?;
    let partner = partner.as_ref().map_err(Clone::clone)?;
    Ok(View {
        index,
        partner: names::last(&partner.name).to_owned(),
        activity_id: entry.activity_id.clone(),
        person: names::id("person", "persons", &entry.person)?.to_owned(),
        element: entry.element.clone(),
        at,
        date: at.date(zone)?.to_string(),
    })
}

/// Converts an error to errors of the entry. An owner that cannot be reached, or
/// an internal error, is not the fault of an entry: it fails the batch.
pub(super) fn refusal(refused: Error) -> Result<Vec<EntryError>> {
    if refused.is_transient() || refused.kind() == Kind::Internal {
        return Err(refused);
    }
    let field = refused.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    Ok(vec![error(field, refused.reason(), refused.message().to_owned())])
}

/// Returns the error of a view whose id was used for another person or element.
pub(super) fn reused(activity_id: &str) -> EntryError {
    let message = format!("`{activity_id}` was used for another person or element. Give the view an id of its own.");
    error("activity_id".to_owned(), ErrorReason::ActivityIdReused.into(), message)
}

fn error(field: String, reason: Reason, message: String) -> EntryError {
    EntryError { field, reason: reason.as_str().to_owned(), message }
}

/// Rejects the entry at an index of the request.
pub(super) fn reject(result: &mut PortalActivityResult, index: usize, errors: Vec<EntryError>) {
    result.set_outcome(Outcome::Rejected);
    let below = |e: EntryError| {
        let field = if e.field.is_empty() { format!("entries[{index}]") } else { format!("entries[{index}].{}", e.field) };
        EntryError { field, ..e }
    };
    result.errors = errors.into_iter().map(below).collect();
}
