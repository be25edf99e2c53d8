//! Plain computation of stages: the rule of two grid points is applied day by day.

use std::collections::BTreeMap;

use stoa_events::Event;
use stoa_kernel::Timestamp;
use stoa_proto::{analytics::v1::NetworkStage, onboard::v1::EnrollmentStatus};

use super::{DAY, Known, report::certified};

/// Number of days that are walked. A stage depends on fewer.
const WALKED: usize = 6;

/// Stages of the enrolled partners at the last grid point at or before `as_of`.
pub fn stages(events: &[Event], as_of: i64, known_at: i64) -> BTreeMap<String, NetworkStage> {
    let zone = Known::new(events, as_of, known_at).settings().1;
    let mut date = Timestamp::from_micros(as_of).date(&zone).unwrap();
    let mut days = Vec::new();
    for _ in 0..WALKED {
        days.push(Known::new(events, Timestamp::start_of(date, &zone).unwrap().micros(), known_at));
        date = date.yesterday().unwrap();
    }
    days.reverse();
    let everybody = days[0].everybody();
    everybody.into_iter().filter_map(|partner| walk(&days, &partner).map(|stage| (partner, stage))).collect()
}

fn walk(days: &[Known], partner: &str) -> Option<NetworkStage> {
    let results: Vec<i32> = days.iter().map(|day| evaluated(day, partner).map_or(0, |s| s as i32)).collect();
    let mut held = results[0];
    for i in 1..results.len() {
        // A rise takes effect at once, a fall only if the previous day was lower as well.
        if results[i] >= held {
            held = results[i];
        } else if results[i - 1] < held {
            held = results[i].max(results[i - 1]);
        }
    }
    (*results.last().unwrap() > 0).then(|| NetworkStage::try_from(held).unwrap())
}

fn evaluated(known: &Known, partner: &str) -> Option<NetworkStage> {
    let live: Vec<_> = known.started(partner).into_iter().map(|s| s.2).filter(|e| known.in_force(e)).collect();
    if live.is_empty() {
        return None;
    }
    let recent = |at: &i64| *at >= known.as_of - 90 * DAY;
    let active = known.activities(partner).iter().any(recent);
    let campaign = known.deployments(partner).iter().any(recent);
    let revenue = known.earned(365).get(partner).map_or(0, |e| e.minor);
    let mut stage = NetworkStage::EnrolledInactive;
    for enrollment in live.iter().filter(|e| active && e.status() == EnrollmentStatus::Enrolled) {
        let top = known
            .tiers_now()
            .into_iter()
            .filter(|t| t.name.starts_with(&format!("{}/tiers/", enrollment.program)))
            .max_by_key(|t| t.rank)
            .and_then(|t| t.revenue_threshold.clone());
        let threshold = top.and_then(|t| known.convert(t.minor_units, &t.currency_code, known.as_of - 1));
        let lines = &enrollment.product_lines;
        let trained =
            if lines.is_empty() { certified(known, partner, "") > 0 } else { lines.iter().all(|l| certified(known, partner, l) > 0) };
        let performs = campaign && trained && threshold.is_some_and(|t| revenue >= t);
        stage = stage.max(if performs { NetworkStage::HighPerforming } else { NetworkStage::ActiveStandard });
    }
    Some(stage)
}
