//! Portal activity: views of the portal, counted per partner, element and
//! business day. A view is identified by (partner, activity id) and counts
//! once.

mod api;
mod entry;
mod lookup;
mod operations;
pub(crate) mod store;

use std::collections::BTreeMap;

use stoa_kernel::{Timestamp, ids, names};
use stoa_proto::enable::v1::PortalActivity;

/// A valid view.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    /// Index in the request.
    index: usize,
    /// Id of the partner.
    partner: String,
    activity_id: String,
    /// Id of the person.
    person: String,
    element: String,
    at: Timestamp,
    /// Business day of the view.
    date: String,
}

/// The views of one partner, element and business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    count: i64,
    first: Timestamp,
    last: Timestamp,
}

/// Partner, element and business day.
type Key<'a> = (&'a str, &'a str, &'a str);

/// Counts views per partner, element and business day. The order is fixed, so
/// that all batches lock rows in the same order.
fn tally<'a>(views: impl Iterator<Item = &'a View>) -> BTreeMap<Key<'a>, Tally> {
    let mut tallies = BTreeMap::new();
    for view in views {
        let key = (view.partner.as_str(), view.element.as_str(), view.date.as_str());
        let tally = tallies.entry(key).or_insert(Tally { count: 0, first: view.at, last: view.at });
        tally.count += 1;
        tally.first = tally.first.min(view.at);
        tally.last = tally.last.max(view.at);
    }
    tallies
}

/// Returns the id of an activity, derived from what it counts.
fn id((partner, element, date): Key<'_>) -> String {
    ids::derived(&[partner, element, date])
}

/// Returns the activity with a tally added; a new one if there is none yet.
fn counted(current: Option<&PortalActivity>, key: Key<'_>, tally: Tally) -> PortalActivity {
    let mut next = current.cloned().unwrap_or_else(|| PortalActivity {
        name: names::name("portalActivities", &id(key)),
        partner: names::name("partners", key.0),
        element: key.1.to_owned(),
        date: key.2.to_owned(),
        ..PortalActivity::default()
    });
    let known = |time: &Option<prost_types::Timestamp>, other: Timestamp| Timestamp::stored(time.as_ref()).unwrap_or(other);
    next.view_count += tally.count;
    next.first_view_time = Some(known(&next.first_view_time, tally.first).min(tally.first).proto());
    next.last_view_time = Some(known(&next.last_view_time, tally.last).max(tally.last).proto());
    next
}

#[cfg(test)]
mod tests;
