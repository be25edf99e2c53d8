use proptest::prelude::*;
use stoa_proto::analytics::v1::{AllocationResource, SegmentPolicy};

use super::*;

fn candidate(i: usize, segment: usize, revenue: i64, wins: i64) -> Candidate {
    Candidate { partner: format!("p{i:03}"), segment: SEGMENTS[segment], revenue, wins, productivity: 0 }
}

fn hours(unit_count: i64) -> AllocationBudget {
    AllocationBudget { resource: AllocationResource::CamHours as i32, unit_count, ..Default::default() }
}

fn defaults() -> Policies {
    Policies::read(&[], AllocationResource::CamHours).unwrap()
}

fn given(segment: usize, change: impl Fn(&mut SegmentPolicy)) -> SegmentPolicy {
    let mut policy = SegmentPolicy { segment: SEGMENTS[segment] as i32, ..Default::default() };
    change(&mut policy);
    policy
}

#[test]
fn segments_are_weighted_by_the_default_ratios() {
    // 3 strategic = 1, 10 high-performing = 1, 25 standard = 1, 100 inactive = 1.
    let counts = [100, 25, 10, 3];
    let mut all: Vec<Candidate> = Vec::new();
    for (segment, n) in counts.into_iter().enumerate() {
        all.extend((0..n).map(|i| candidate(segment * 1000 + i, segment, 100, 1)));
    }
    set_productivity(&mut all);
    let plan = allocate(&hours(400), &all, &defaults()).unwrap();
    assert_eq!(plan.segments.values().copied().collect::<Vec<_>>(), [100, 100, 100, 100]);
    assert_eq!(plan.left, 0);
    // No partner has pooled units of its own. A strategic partner has a third of an account manager.
    assert!(all.iter().zip(&plan.partners).filter(|(c, _)| c.segment == SEGMENTS[0]).all(|(_, u)| *u == 0));
    assert!(all.iter().zip(&plan.partners).filter(|(c, _)| c.segment == SEGMENTS[3]).all(|(_, u)| (33..=34).contains(u)));
}

#[test]
fn revenue_from_few_wins_is_shrunk_toward_the_mean() {
    let mut all = vec![candidate(1, 1, 1000, 1), candidate(2, 1, 1000, 96), candidate(3, 1, 0, 0)];
    set_productivity(&mut all);
    let mean = 666_667;
    assert_eq!(all[0].productivity, (1_000_000 + 4 * mean + 2) / 5);
    assert_eq!(all[1].productivity, (96 * 1_000_000 + 4 * mean + 50) / 100);
    assert_eq!(all[2].productivity, mean);
}

#[test]
fn floors_beyond_the_budget_are_refused() {
    let all = [candidate(1, 1, 5, 1), candidate(2, 2, 5, 1)];
    let policies = Policies::read(&[given(1, |p| p.floor = 11)], AllocationResource::CamHours).unwrap();
    assert_eq!(allocate(&hours(10), &all, &policies).unwrap_err().reason(), "FLOORS_EXCEED_BUDGET");
    assert_eq!(allocate(&hours(11), &all, &policies).unwrap().partners, [11, 0]);
}

#[test]
fn units_that_are_left_come_with_a_reason() {
    let all = [candidate(1, 1, 5, 1), candidate(2, 1, 5, 1)];
    let capped = Policies::read(&[given(1, |p| p.cap = Some(3))], AllocationResource::CamHours).unwrap();
    let plan = allocate(&hours(10), &all, &capped).unwrap();
    assert_eq!((plan.partners.as_slice(), plan.left, plan.left_reason), (&[3, 3][..], 4, LeftReason::CapsReached));
    assert_eq!(allocate(&hours(10), &[], &defaults()).unwrap().left_reason, LeftReason::NoPartners);
    let shares = [given(1, |p| p.share_basis_points = 5000), given(2, |p| p.share_basis_points = 5000)];
    let shares = Policies::read(&shares, AllocationResource::CamHours).unwrap();
    let plan = allocate(&hours(10), &all, &shares).unwrap();
    assert_eq!((plan.segments[&SEGMENTS[1]], plan.segments[&SEGMENTS[2]], plan.left), (5, 0, 5));
    assert_eq!(plan.left_reason, LeftReason::SharesUnused);
}

#[test]
fn contradictory_policies_name_their_field() {
    let read = |given: &[SegmentPolicy]| Policies::read(given, AllocationResource::Mdf).unwrap_err();
    let twice = [given(1, |_| ()), given(1, |p| p.resource = AllocationResource::Mdf as i32)];
    assert_eq!(read(&twice).fields()[0].field, "policies[1].segment");
    assert_eq!(read(&[given(1, |p| (p.floor, p.cap) = (5, Some(4)))]).fields()[0].field, "policies[0].cap");
    let both = [given(1, |p| p.share_basis_points = 1), given(2, |p| p.partners_per_unit = 5)];
    assert_eq!(read(&both).reason(), "POLICY_INVALID");
    let other = [given(1, |_| ()), given(1, |p| p.resource = AllocationResource::CamHours as i32)];
    assert!(Policies::read(&other, AllocationResource::Mdf).is_ok());
}

#[test]
fn uniform_spending_is_compared_by_share() {
    let all = vec![candidate(1, 1, 100, 1), candidate(2, 2, 300, 1)];
    let revenues = compare::revenues(&all);
    assert_eq!(compare::misallocation(&[0, 1, 3, 0], &revenues), Some(0.0));
    assert_eq!(compare::misallocation(&[0, 2, 2, 0], &revenues), Some(0.25));
    assert_eq!(compare::misallocation(&[0; 4], &revenues), None);
    assert_eq!(compare::uniform(7, 3), [3, 2, 2]);
    assert_eq!(compare::top_share(&all, &[1, 3], 4), Some(0.75));
}

proptest! {
    #[test]
    fn sums_are_exact_floors_and_caps_are_kept_and_the_plan_is_repeatable(
        partners in prop::collection::vec((0_usize..4, -50_i64..1_000_000, 0_i64..20), 0..60),
        bounds in prop::collection::vec((0_i64..5, prop::option::of(0_i64..40)), 4),
        shares in prop::option::of(prop::collection::vec(1_i32..2500, 4)),
        total in 0_i64..5_000,
    ) {
        let mut all: Vec<Candidate> = partners.iter().enumerate().map(|(i, (s, r, w))| candidate(i, *s, *r, *w)).collect();
        set_productivity(&mut all);
        let policies: Vec<SegmentPolicy> = (0..4)
            .map(|i| given(i, |p| {
                p.floor = bounds[i].0;
                p.cap = bounds[i].1.map(|more| bounds[i].0 + more);
                p.share_basis_points = shares.as_ref().map_or(0, |s| s[i]);
            }))
            .collect();
        let policies = Policies::read(&policies, AllocationResource::CamHours).unwrap();
        let Ok(plan) = allocate(&hours(total), &all, &policies) else { return Ok(()) };
        prop_assert_eq!(plan.segments.values().sum::<i64>() + plan.left, total);
        for (i, segment) in SEGMENTS.into_iter().enumerate() {
            let own: Vec<i64> = all.iter().zip(&plan.partners).filter(|(c, _)| c.segment == segment).map(|(_, u)| *u).collect();
            if policy::is_pooled(segment) {
                prop_assert!(own.iter().all(|u| *u == 0));
                continue;
            }
            prop_assert_eq!(own.iter().sum::<i64>(), plan.segments[&segment]);
            for units in own {
                prop_assert!(units >= bounds[i].0 && bounds[i].1.is_none_or(|more| units <= bounds[i].0 + more));
            }
        }
        prop_assert_eq!(plan.left > 0, plan.left_reason != LeftReason::Unspecified);
        prop_assert_eq!(allocate(&hours(total), &all, &policies).unwrap(), plan);
    }
}
