//! Copies that services keep of each other's objects.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use prost_reflect::{DynamicMessage, ReflectMessage};

use super::{Key, Logged, Stored, tables};

/// A table that copies another service's objects.
struct Copy {
    table: &'static str,
    /// The column that identifies the object, by its name or its id.
    key: &'static str,
    owner: &'static str,
    /// Events that it follows, by the prefix of their subjects.
    subjects: &'static [&'static str],
    /// What it keeps of an event; `None` if it ignores the event.
    keeps: fn(&Logged) -> Option<DynamicMessage>,
}

const COPIES: &[Copy] = &[
    Copy { table: "partner_copy", key: "id", owner: "onboard", subjects: &["onboard.partner."], keeps: state },
    Copy {
        table: "directory_copy",
        key: "name",
        owner: "onboard",
        subjects: &["onboard.enrollment.", "onboard.tier.", "onboard.tenant_settings.", "onboard.cam_assignment."],
        keeps: state,
    },
    Copy {
        table: "commission_deal",
        key: "id",
        owner: "sell",
        subjects: &["sell.deal.won", "sell.deal.corrected", "sell.deal.deleted"],
        keeps: earning,
    },
];

/// The table that keeps every version of what determines a commission's rate.
const HISTORY: (&str, &str, &str) = ("enrollment_history", "onboard", "onboard.enrollment.");

fn state(event: &Logged) -> Option<DynamicMessage> {
    Some(event.state.clone())
}

/// Returns a deal as commissions see it: history from a CRM earns none, and a
/// deleted deal was never won.
fn earning(event: &Logged) -> Option<DynamicMessage> {
    let mut deal = event.state.clone();
    if deal.get_field_by_name("imported").and_then(|v| v.as_bool()) == Some(true) {
        return None;
    }
    if event.subject == "sell.deal.deleted" {
        deal.clear_field_by_name("win_time");
    }
    Some(deal)
}

pub(super) fn is_copy(table: &str) -> bool {
    HISTORY.0 == table || COPIES.iter().any(|copy| copy.table == table)
}

/// Compares the service's copies with their owners' logs.
pub(super) async fn differences(stored: &Stored, services: &BTreeMap<&str, Stored>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for copy in COPIES.iter().filter(|copy| stored.tables.iter().any(|t| t.name == copy.table)) {
        let Some(owner) = services.get(copy.owner) else { continue };
        let kept = tables::copies(&stored.store, copy.table, copy.key).await?;
        found.extend(compare(stored.service, copy, &kept, &expected(copy, owner)));
    }
    if stored.tables.iter().any(|t| t.name == HISTORY.0) {
        found.extend(history(stored, services).await?);
    }
    Ok(found)
}

/// Returns what a copy must hold, by its key.
fn expected(copy: &Copy, owner: &Stored) -> BTreeMap<Key, (i64, DynamicMessage)> {
    let follows = |event: &&Logged| copy.subjects.iter().any(|subject| event.subject.starts_with(subject));
    let last = |events: &[Logged]| events.iter().filter(follows).filter_map(|e| Some((e.version, (copy.keeps)(e)?))).next_back();
    let key = |(tenant, name): &Key| {
        let named = if copy.key == "name" { name.as_str() } else { name.rsplit('/').next().unwrap_or_default() };
        (tenant.clone(), named.to_owned())
    };
    owner.log.objects().filter_map(|(object, events)| Some((key(object), last(events)?))).collect()
}

fn compare(
    service: &str,
    copy: &Copy,
    kept: &BTreeMap<Key, (i64, Vec<u8>)>,
    expected: &BTreeMap<Key, (i64, DynamicMessage)>,
) -> Vec<String> {
    let place = format!("{service}: {}", copy.table);
    let unlike = |(key, (version, state)): (&Key, &(i64, DynamicMessage))| {
        let (tenant, object) = key;
        let Some((at, bytes)) = kept.get(key) else { return Some(format!("{place} lacks {object} of {tenant}")) };
        if at != version {
            return Some(format!("{place} has {object} of {tenant} at version {at}, not {version}"));
        }
        let same = DynamicMessage::decode(state.descriptor(), bytes.as_slice()).is_ok_and(|document| document == *state);
        (!same).then(|| format!("{place} has other content in {object} of {tenant} than its owner"))
    };
    let extra = kept.keys().filter(|key| !expected.contains_key(*key));
    let extra = extra.map(|(tenant, object)| format!("{place} has {object} of {tenant}, which its owner does not have"));
    expected.iter().filter_map(unlike).chain(extra).collect()
}

fn status(enrollment: &DynamicMessage) -> i32 {
    enrollment.get_field_by_name("status").and_then(|v| v.as_enum_number()).unwrap_or_default()
}

/// Compares the kept versions of enrollments with the log: every version must
/// be there.
async fn history(stored: &Stored, services: &BTreeMap<&str, Stored>) -> Result<Vec<String>> {
    let (table, owner, subject) = HISTORY;
    let owner = services.get(owner).with_context(|| format!("{table} without {owner}"))?;
    let sql = format!("SELECT tenant, enrollment AS object, version, status, occurred_time FROM {table}");
    let kept = tables::versions(&stored.store, &sql, &["status", "occurred_time"]).await?;
    let mut expected = BTreeMap::new();
    for ((tenant, name), events) in owner.log.objects() {
        let id = name.rsplit('/').next().unwrap_or_default().to_owned();
        for event in events.iter().filter(|e| e.subject.starts_with(subject)) {
            expected.insert(((tenant.clone(), id.clone()), event.version), vec![i64::from(status(&event.state)), event.place.1]);
        }
    }
    let mut found = Vec::new();
    for ((key, version), columns) in expected.iter().filter(|(key, columns)| kept.get(*key) != Some(*columns)) {
        found.push(format!("{}: {table} lacks version {version} of {} of {}, {columns:?}", stored.service, key.1, key.0));
    }
    for ((key, version), _) in kept.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        found.push(format!("{}: {table} has version {version} of {} of {}, which its owner does not have", stored.service, key.1, key.0));
    }
    Ok(found)
}
