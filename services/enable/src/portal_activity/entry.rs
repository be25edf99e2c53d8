//! The entries of a batch: a bad one is refused and never stops the rest.

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
    /// What is sound.
    pub(super) views: Vec<View>,
    /// One per entry, in order: those of sound entries have no outcome yet.
    pub(super) results: Vec<PortalActivityResult>,
}

impl Batch {
    pub(super) fn take(&mut self, sent: &PortalActivityEntry, view: View) {
        self.views.push(view);
        self.results.push(result(sent));
    }

    pub(super) fn refuse(&mut self, sent: &PortalActivityEntry, errors: Vec<EntryError>) {
        let mut result = result(sent);
        reject(&mut result, self.results.len(), errors);
        self.results.push(result);
    }
}

fn result(sent: &PortalActivityEntry) -> PortalActivityResult {
    PortalActivityResult { activity_id: sent.activity_id.clone(), ..PortalActivityResult::default() }
}

/// What the proto's limits refuse.
pub(super) fn violations(sent: &PortalActivityEntry) -> Vec<EntryError> {
    let error = |v: validate::Violation| error(v.field, Common::InvalidField.into(), v.message);
    validate::violations(sent).into_iter().map(error).collect()
}

/// The view that an entry reports, of the partner that was found for it.
pub(super) fn view(cx: &Cx, index: usize, sent: &PortalActivityEntry, partner: &Result<Partner>, zone: &str) -> Result<View> {
    let at = cx.occurred("view_time", sent.view_time.as_ref())?;
    let partner = partner.as_ref().map_err(Clone::clone)?;
    Ok(View {
        index,
        partner: names::last(&partner.name).to_owned(),
        activity_id: sent.activity_id.clone(),
        person: names::id("person", "persons", &sent.person)?.to_owned(),
        element: sent.element.clone(),
        at,
        date: at.date(zone)?.to_string(),
    })
}

/// What a refusal says of its entry. An owner that cannot be reached, or a fault
/// of ours, is nobody's entry: the batch fails.
pub(super) fn refusal(refused: Error) -> Result<Vec<EntryError>> {
    if refused.is_transient() || refused.kind() == Kind::Internal {
        return Err(refused);
    }
    let field = refused.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    Ok(vec![error(field, refused.reason(), refused.message().to_owned())])
}

/// A view whose id stands for another person or element.
pub(super) fn reused(activity_id: &str) -> EntryError {
    let message = format!("`{activity_id}` was used for another person or element; give the view an id of its own");
    error("activity_id".to_owned(), ErrorReason::ActivityIdReused.into(), message)
}

fn error(field: String, reason: Reason, message: String) -> EntryError {
    EntryError { field, reason: reason.as_str().to_owned(), message }
}

/// Refuses the entry at a place of the request.
pub(super) fn reject(result: &mut PortalActivityResult, index: usize, errors: Vec<EntryError>) {
    result.set_outcome(Outcome::Rejected);
    let below = |e: EntryError| {
        let field = if e.field.is_empty() { format!("entries[{index}]") } else { format!("entries[{index}].{}", e.field) };
        EntryError { field, ..e }
    };
    result.errors = errors.into_iter().map(below).collect();
}
