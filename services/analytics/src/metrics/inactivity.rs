//! Ages of inactivity, which complement metric 4.

use stoa_kernel::time::DAY_MICROS;
use stoa_proto::analytics::v1::InactivityAges;

use crate::{column::span::Cut, definition::Definition};

/// Counts an enrolled partner that is not active by the age of its last activity.
pub(crate) fn add(ages: &mut InactivityAges, last: Option<i64>, definition: &Definition, cut: Cut) {
    let Some(at) = last else {
        ages.never += 1;
        return;
    };
    let age = cut.as_of.saturating_sub(at);
    let class = definition.inactivity_days.iter().position(|days| age <= days.saturating_mul(DAY_MICROS));
    *match class {
        Some(0) => &mut ages.up_to_30_days,
        Some(1) => &mut ages.up_to_90_days,
        Some(2) => &mut ages.up_to_180_days,
        Some(_) => &mut ages.up_to_365_days,
        None => &mut ages.over_365_days,
    } += 1;
}
