//! Recording a batch: every entry by itself, the counts together.

use std::collections::{BTreeMap, HashMap};

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Kind, Result, etag, names};
use stoa_proto::{
    enable::v1::{
        EntryError, ErrorReason, PortalActivityEntry, PortalActivityOutcome as Outcome, PortalActivityRecorded, PortalActivityResult,
        RecordPortalActivityRequest, RecordPortalActivityResponse,
    },
    validate,
};
use stoa_rpc::Deps;
use stoa_store::Tx;

use super::{Tally, View, counted, id, store, tally};

/// Entries of one request; the proto names it, too.
const ENTRIES_MAX: usize = 1000;

/// A batch whose entries were checked one by one.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    views: Vec<View>,
    results: Vec<PortalActivityResult>,
}

/// Checks every entry, before the write transaction. Fails only where the whole
/// batch cannot be answered.
pub(super) async fn check(deps: &Deps, cx: &Cx, request: &RecordPortalActivityRequest) -> Result<Batch> {
    let count = request.entries.len();
    if count == 0 || count > ENTRIES_MAX {
        return Err(Error::invalid("entries", format!("must have 1 to {ENTRIES_MAX} entries, has {count}")));
    }
    let zone = stoa_directory::settings(deps.store.read(), &cx.tenant).await?.time_zone;
    let mut partners = HashMap::new();
    let mut batch = Batch { views: Vec::with_capacity(count), results: Vec::with_capacity(count) };
    for (index, entry) in request.entries.iter().enumerate() {
        let mut result = PortalActivityResult { activity_id: entry.activity_id.clone(), ..PortalActivityResult::default() };
        match check_entry(deps, cx, &mut partners, index, entry, &zone).await {
            Ok(view) => batch.views.push(view),
            Err(errors) => reject(&mut result, index, errors?),
        }
        batch.results.push(result);
    }
    Ok(batch)
}

/// What an entry has wrong; the outer error is one of the whole batch.
type Refusal = Result<Vec<EntryError>>;

async fn check_entry(
    deps: &Deps,
    cx: &Cx,
    partners: &mut HashMap<String, Result<String>>,
    index: usize,
    entry: &PortalActivityEntry,
    zone: &str,
) -> Result<View, Refusal> {
    let broken = validate::violations(entry);
    if !broken.is_empty() {
        let error = |v: validate::Violation| EntryError { field: v.field, reason: "INVALID_FIELD".to_owned(), message: v.message };
        return Err(Ok(broken.into_iter().map(error).collect()));
    }
    if !partners.contains_key(&entry.partner) {
        let found = stoa_directory::acting_partner(deps, cx, "partner", &entry.partner).await.map(|partner| partner.name);
        partners.insert(entry.partner.clone(), found);
    }
    let partner = partners.get(&entry.partner).cloned().unwrap_or_else(|| Err(Error::not_found(&entry.partner)));
    let view = || {
        let at = cx.occurred("view_time", entry.view_time.as_ref())?;
        Ok(View {
            index,
            partner: names::last(&partner?).to_owned(),
            activity_id: entry.activity_id.clone(),
            person: names::id("person", "persons", &entry.person)?.to_owned(),
            element: entry.element.clone(),
            at,
            date: at.date(zone)?.to_string(),
        })
    };
    view().map_err(refusal)
}

/// A refusal names the entry; an owner that cannot be reached, or a fault of
/// ours, is nobody's entry.
fn refusal(error: Error) -> Refusal {
    if error.is_transient() || error.kind() == Kind::Internal {
        return Err(error);
    }
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    Ok(vec![EntryError { field, reason: error.reason().to_owned(), message: error.message().to_owned() }])
}

fn reject(result: &mut PortalActivityResult, index: usize, errors: Vec<EntryError>) {
    result.set_outcome(Outcome::Rejected);
    let below = |e: EntryError| {
        let field = if e.field.is_empty() { format!("entries[{index}]") } else { format!("entries[{index}].{}", e.field) };
        EntryError { field, ..e }
    };
    result.errors = errors.into_iter().map(below).collect();
}

/// Counts the views that are new. The rows of single views make a retry, and a
/// view that is sent twice, count once.
pub(super) async fn write(tx: &Tx, cx: &Cx, batch: Result<Batch>) -> Result<RecordPortalActivityResponse> {
    let Batch { views, mut results } = batch?;
    let mut known = BTreeMap::new();
    for view in &views {
        known.entry((view.partner.as_str(), view.activity_id.as_str())).or_insert(view);
    }
    let firsts: Vec<&View> = known.values().copied().collect();
    let inserted = store::insert_new(tx, cx, &firsts).await?;
    let before = store::recorded(tx, cx, firsts.iter().copied().filter(|v| !inserted.contains(&v.index))).await?;

    let mut fresh = Vec::new();
    for view in &views {
        let first = known.get(&(view.partner.as_str(), view.activity_id.as_str())).copied().unwrap_or(view);
        let stored = before.get(&first.index);
        let (person, element) = stored.map_or((first.person.as_str(), first.element.as_str()), |(p, e)| (p.as_str(), e.as_str()));
        let result = &mut results[view.index];
        if (person, element) != (view.person.as_str(), view.element.as_str()) {
            reject(result, view.index, vec![reused(&view.activity_id)]);
        } else if stored.is_none() && first.index == view.index {
            result.set_outcome(Outcome::Recorded);
            fresh.push(view);
        } else {
            result.set_outcome(Outcome::Duplicate);
        }
    }
    for (key, tally) in tally(fresh.into_iter()) {
        count(tx, cx, key, tally).await?;
    }
    Ok(response(results))
}

async fn count(tx: &Tx, cx: &Cx, key: super::Key<'_>, tally: Tally) -> Result<()> {
    let current = store::lock(tx, cx, &id(key)).await?;
    let activity = counted(current.as_ref(), key, tally, cx);
    match current {
        None => store::insert(tx, cx, &activity).await?,
        Some(_) => store::save(tx, cx, &activity).await?,
    }
    let changed = ["view_count", "first_view_time", "last_view_time"].map(str::to_owned).to_vec();
    let fact = Fact::new(&activity.name, etag::version(&activity.etag)).partner(&activity.partner).occurred(tally.last).changed(changed);
    stoa_events::append(tx, cx, fact, &PortalActivityRecorded { portal_activity: Some(activity.clone()) }).await?;
    Ok(())
}

fn reused(activity_id: &str) -> EntryError {
    EntryError {
        field: "activity_id".to_owned(),
        reason: ErrorReason::ActivityIdReused.as_str_name().trim_start_matches("ERROR_REASON_").to_owned(),
        message: format!("`{activity_id}` was used for another person or element; give the view an id of its own"),
    }
}

fn response(results: Vec<PortalActivityResult>) -> RecordPortalActivityResponse {
    let of = |outcome| i32::try_from(results.iter().filter(|r| r.outcome() == outcome).count()).unwrap_or(i32::MAX);
    RecordPortalActivityResponse {
        recorded_count: of(Outcome::Recorded),
        duplicate_count: of(Outcome::Duplicate),
        rejected_count: of(Outcome::Rejected),
        results,
    }
}
