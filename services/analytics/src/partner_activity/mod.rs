//! Activity of one partner: when it was last active, across all pillars.

mod api;

use std::collections::BTreeMap;

use stoa_kernel::{Cx, Reach, names, time::DAY_MICROS};
use stoa_proto::analytics::v1::{ElementTouch, Occasion, PartnerActivity};

use crate::{
    column::{
        intern::NO_PARTNER,
        span::{Cut, OPEN},
    },
    definition::Definition,
    fact::activity::ActivityKind,
    frame::{Frame, keeper::Ready},
    metrics::{activation, activity, membership},
    request::instant,
};

/// Returns the partner's number, if it is known and the caller may see it.
fn visible(frame: &Frame, cx: &Cx, id: &str) -> Option<u32> {
    let partner = frame.partners.find(id).filter(|p| *p != NO_PARTNER)?;
    let current = frame.facts.attributes.row(partner).iter().find(|f| f.span.to == OPEN && f.span.known_to == OPEN);
    if current.is_none() && frame.facts.enrollments.row(partner).is_empty() {
        return None;
    }
    match &cx.caller.reach {
        Reach::Tenant => Some(partner),
        Reach::Partner(own) if own == id => Some(partner),
        Reach::Partner(own) => {
            let own = i64::from(frame.partners.find(own)?);
            current.filter(|f| frame.lists.get(f.value.visible_to).contains(&own)).map(|_| partner)
        }
        Reach::Object(_) => None,
    }
}

fn status(ready: &Ready, partner: u32, cut: Cut, definition: &Definition) -> PartnerActivity {
    let frame = &*ready.frame;
    let mut memberships = Vec::new();
    membership::memberships(frame, partner, cut, &mut memberships);
    let enrolled = memberships.iter().any(|m| m.enrolled);
    let not_suspended = memberships.iter().any(|m| m.enrolled && !m.suspended);
    let last = activity::last(frame, partner, cut);
    let of_kind = |kind| activity::last_of(frame, partner, kind, cut);
    let touches = touches(frame, partner, cut);
    let first_enrollment = activation::first_enrollment(frame, partner, cut).map(|first| first.at);
    let onboarded = frame.facts.onboardings.row(partner).iter().find(|f| f.span.holds(cut)).map(|f| f.value);
    PartnerActivity {
        name: format!("{}/activity", names::name("partners", frame.partners.get(partner))),
        definition_version: definition.version.to_owned(),
        as_of: instant(cut.as_of),
        known_at: instant(cut.known_at),
        folded_positions: ready.positions.clone(),
        enrolled,
        suspended: enrolled && !not_suspended,
        active: not_suspended && activity::is_recent(last, definition, cut),
        engaged: enrolled && activity::is_engaged(frame, partner, definition, cut),
        enroll_time: first_enrollment.and_then(instant),
        onboarding_complete_time: onboarded.and_then(instant),
        last_registration: occasion(of_kind(ActivityKind::Registration), cut),
        last_campaign: occasion(of_kind(ActivityKind::Campaign), cut),
        last_training: occasion(activity::last_training(frame, partner, cut), cut),
        last_portal_day: occasion(touches.values().map(|(_, last)| *last).max(), cut),
        touched_elements: touches
            .into_iter()
            .map(|(element, (first, last))| ElementTouch {
                element: element.to_owned(),
                first_touch_time: instant(first),
                last_touch_time: instant(last),
            })
            .collect(),
    }
}

fn occasion(at: Option<i64>, cut: Cut) -> Option<Occasion> {
    at.map(|at| Occasion { time: instant(at), day_count: cut.as_of.saturating_sub(at) / DAY_MICROS })
}

/// First and last touch of each element, by name.
fn touches(frame: &Frame, partner: u32, cut: Cut) -> BTreeMap<&str, (i64, i64)> {
    let mut touches: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for day in frame.facts.portal_days.row(partner).iter().filter(|f| f.span.holds(cut)).map(|f| f.value) {
        let touch = touches.entry(frame.texts.get(day.element)).or_insert((day.at, day.at));
        *touch = (touch.0.min(day.at), touch.1.max(day.at));
    }
    touches
}
