//! Commands on portal activities. A batch records each entry by itself, and the
//! counts together.

use std::collections::BTreeMap;

use stoa_events::Step;
use stoa_kernel::{Cx, Result};
use stoa_proto::enable::v1::{
    PortalActivityOutcome as Outcome, PortalActivityRecorded, PortalActivityResult, RecordPortalActivityRequest,
    RecordPortalActivityResponse,
};
use stoa_store::{Tx, documents};

use super::{
    Tally, View, counted,
    entry::{self, Batch},
    id,
    store::{self, Activities},
    tally,
};

/// Counts the views that are new. The rows of single views ensure that a retry,
/// or a view that is sent twice, counts once.
pub(super) async fn record(tx: &Tx, cx: &Cx, _: &RecordPortalActivityRequest, batch: &Batch) -> Result<RecordPortalActivityResponse> {
    let Batch { views, results } = batch;
    let mut results = results.clone();
    let mut known = BTreeMap::new();
    for view in views {
        known.entry((view.partner.as_str(), view.activity_id.as_str())).or_insert(view);
    }
    let firsts: Vec<&View> = known.values().copied().collect();
    let inserted = store::insert_new(tx, cx, &firsts).await?;
    let before = store::recorded(tx, cx, firsts.iter().copied().filter(|v| !inserted.contains(&v.index))).await?;

    let mut fresh = Vec::new();
    for view in views {
        let first = known.get(&(view.partner.as_str(), view.activity_id.as_str())).copied().unwrap_or(view);
        let stored = before.get(&first.index);
        let (person, element) = stored.map_or((first.person.as_str(), first.element.as_str()), |(p, e)| (p.as_str(), e.as_str()));
        let result = &mut results[view.index];
        if (person, element) != (view.person.as_str(), view.element.as_str()) {
            entry::reject(result, view.index, vec![entry::reused(&view.activity_id)]);
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
    let current = documents::lock::<Activities>(tx, cx, &id(key)).await?;
    let step = Step::new::<PortalActivityRecorded>(counted(current.as_ref(), key, tally)).at(tally.last);
    stoa_events::record::<Activities>(tx, cx, current.as_ref(), [step]).await.map(|_| ())
}

fn response(results: Vec<PortalActivityResult>) -> RecordPortalActivityResponse {
    let count = |outcome| i32::try_from(results.iter().filter(|r| r.outcome() == outcome).count()).unwrap_or(i32::MAX);
    RecordPortalActivityResponse {
        recorded_count: count(Outcome::Recorded),
        duplicate_count: count(Outcome::Duplicate),
        rejected_count: count(Outcome::Rejected),
        results,
    }
}
