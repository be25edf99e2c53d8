use proptest::prelude::*;
use prost::Message;
use stoa_proto::onboard::v1::Enrollment;

use super::*;

fn day(day: i64) -> Timestamp {
    "2026-01-01".parse::<Timestamp>().unwrap().plus_days(day)
}

/// Returns a version of the enrollment `e`, in force from day 0, with its tier
/// since one day and its status since another.
fn version(version: i64, (tier, since): (&str, i64), (status, by): (Status, i64)) -> Version {
    Version {
        enrollment: "e".into(),
        version,
        partner: "acme".into(),
        tier: tier.into(),
        tier_time: day(since),
        status,
        occurred: day(by),
        effective: day(0),
        end: None,
    }
}

/// Silver, then gold from day 10, suspended from day 20 to 30, terminated on day 40.
fn history() -> Vec<Version> {
    vec![
        version(1, ("silver", 0), (Status::Enrolled, 0)),
        version(2, ("gold", 10), (Status::Enrolled, 10)),
        version(3, ("gold", 10), (Status::Suspended, 20)),
        version(4, ("gold", 10), (Status::Enrolled, 30)),
        Version { end: Some(day(40)), ..version(5, ("gold", 10), (Status::Terminated, 40)) },
    ]
}

#[test]
fn the_tier_depends_on_the_instant() {
    let at = |of: i64, micros: i64| tiers_at(&history(), day(of).plus_micros(micros)).join(" ");
    for (of, before, from) in [(0, "", "silver"), (10, "silver", "gold"), (20, "gold", ""), (30, "", "gold"), (40, "gold", "")] {
        assert_eq!((at(of, -1).as_str(), at(of, 0).as_str()), (before, from), "day {of}");
    }
}

#[test]
fn an_agreement_that_was_extended_has_not_ended() {
    let first = Version { end: Some(day(10)), ..version(1, ("silver", 0), (Status::Enrolled, 0)) };
    let prolonged = Version { end: Some(day(20)), ..version(2, ("silver", 0), (Status::Enrolled, 9)) };
    assert!(tiers_at(std::slice::from_ref(&first), day(10)).is_empty());
    assert_eq!(tiers_at(&[first, prolonged.clone()], day(10)), ["silver"]);
    assert!(tiers_at(&[prolonged], day(20)).is_empty());
}

#[test]
fn a_partner_has_the_tiers_of_all_its_programs() {
    let other = Version { enrollment: "f".into(), ..version(1, ("bronze", 5), (Status::Enrolled, 5)) };
    let all = [history(), vec![other]].concat();
    assert_eq!(tiers_at(&all, day(12)), ["bronze", "gold"]);
    assert_eq!(tiers_at(&all, day(25)), ["bronze"]);
}

#[test]
fn an_event_is_read_as_the_version_that_it_carries() {
    let mut enrollment = Enrollment {
        name: "enrollments/e".into(),
        partner: "partners/acme".into(),
        tier: "gold".into(),
        tier_time: Some(day(10).proto()),
        effective_time: Some(day(0).proto()),
        etag: etag::of_version(3),
        ..Enrollment::default()
    };
    enrollment.set_status(Status::Suspended);
    let data = EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec();
    let event = Event { occurred_time: Some(day(20).proto()), data, ..Event::default() };
    assert_eq!(version_of(&event).unwrap(), history()[2]);
    assert!(version_of(&Event::default()).is_err());
}

proptest! {
    /// In whatever order versions become known, the next version does not
    /// change what held before the instant that it speaks since.
    #[test]
    fn what_held_before_a_version_speaks_stays(order in Just(history()).prop_shuffle()) {
        let mut known: Vec<Version> = Vec::new();
        for version in order {
            let since = earliest_change(&version, &known);
            let before = known.clone();
            known.push(version);
            for at in (-1..45).map(day).filter(|at| *at < since) {
                prop_assert_eq!(tiers_at(&before, at), tiers_at(&known, at));
            }
        }
        for at in (-1..45).map(day) {
            prop_assert_eq!(tiers_at(&known, at), tiers_at(&history(), at));
        }
    }
}
