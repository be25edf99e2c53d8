//! Enrollment history: what every version of a partner's enrollments said. The
//! directory has only the last version, but what a deal earns depends on what
//! held at the instant it was won. Versions may become known in any order: each
//! is kept as it came, and what held follows from all of them together.

mod operations;
pub(crate) mod store;

use std::collections::{BTreeMap, BTreeSet};

use stoa_events::Event;
use stoa_kernel::{Error, Result, Timestamp, etag, names};
use stoa_proto::onboard::v1::{EnrollmentCreated, EnrollmentStatus as Status};

pub(crate) use operations::record_version;

/// What one version of an enrollment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Id of the enrollment.
    enrollment: String,
    version: i64,
    /// Id of the partner.
    pub(crate) partner: String,
    tier: String,
    /// Since when the enrollment has the tier.
    tier_time: Timestamp,
    status: Status,
    /// When the fact behind the version happened: since when the enrollment has the status.
    occurred: Timestamp,
    effective: Timestamp,
    end: Option<Timestamp>,
}

/// Returns the version that an event of an enrollment carries. Every event
/// carries the enrollment in field 1, so that one type decodes them all.
fn version_of(event: &Event) -> Result<Version> {
    let missing = || Error::internal(format!("{} carries no enrollment", event.event_id));
    let enrollment = stoa_events::decode::<EnrollmentCreated>(event)?.enrollment.ok_or_else(missing)?;
    let effective = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or_default();
    Ok(Version {
        enrollment: names::last(&enrollment.name).to_owned(),
        version: etag::version(&enrollment.etag),
        partner: names::last(&enrollment.partner).to_owned(),
        tier_time: Timestamp::stored(enrollment.tier_time.as_ref()).unwrap_or(effective),
        status: enrollment.status(),
        occurred: Timestamp::stored(event.occurred_time.as_ref()).unwrap_or(effective),
        effective,
        end: Timestamp::stored(enrollment.end_time.as_ref()),
        tier: enrollment.tier,
    })
}

/// Returns the tiers of a partner at an instant, from the enrollments that were
/// in force then; empty if none was. What is not known yet does not count.
pub(crate) fn tiers_at(versions: &[Version], at: Timestamp) -> Vec<String> {
    let mut enrollments: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
    for version in versions {
        enrollments.entry(&version.enrollment).or_default().push(version);
    }
    let tiers: BTreeSet<String> = enrollments.values().filter_map(|versions| tier_at(versions, at)).collect();
    tiers.into_iter().collect()
}

/// Returns the tier of one enrollment, if it was in force.
fn tier_at(versions: &[&Version], at: Timestamp) -> Option<String> {
    let last = |held: fn(&Version) -> Timestamp| versions.iter().filter(|v| held(v) <= at).max_by_key(|v| v.version);
    let newest = versions.iter().max_by_key(|v| v.version)?;
    let runs = newest.effective <= at && newest.end.is_none_or(|end| at < end);
    let enrolled = last(|v| v.occurred)?.status == Status::Enrolled;
    let tier = &last(|v| v.tier_time)?.tier;
    (runs && enrolled).then(|| tier.clone())
}

/// Returns the first instant about which a version can say something new, given
/// what was known of its enrollment.
fn earliest_change(version: &Version, known: &[Version]) -> Timestamp {
    let is_first = known.iter().all(|k| k.enrollment != version.enrollment);
    let ends = version.end.unwrap_or(version.occurred);
    let since = version.tier_time.min(version.occurred).min(ends);
    if is_first { since.min(version.effective) } else { since }
}

#[cfg(test)]
mod tests;
