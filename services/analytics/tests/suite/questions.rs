//! Questions about handwritten networks.

use prost::Message;
use stoa_events::Event;
use stoa_kernel::{Reach, page::PageKey, positions::Positions};
use stoa_proto::{
    analytics::v1::{
        Allocation, AllocationBudget, AllocationResource, ComputeAllocationRequest, GetNetworkQualityRequest, GetPartnerActivityRequest,
        InactiveKind, InvestmentSegment, ListMetricPartnersRequest, ListPartnerSegmentsRequest, NetworkQuality, NetworkStage,
        PartnerSegment, QualityMetric, SegmentPolicy,
    },
    onboard::v1::PartnerType,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{
    Bench, bench,
    facts::{campaign, certification, deal, enrollment, partner, portal, tier},
    world::{DAY, END, proto, tick},
};

const NOW: i64 = 400 * DAY;

fn agent(id: &str, at: i64) -> Vec<Event> {
    vec![partner(id, PartnerType::Agent, "east", &[], at), enrollment(id, "p", "base", at)]
}

fn quality(bench: &Bench, tenant: &str, request: GetNetworkQualityRequest) -> Result<NetworkQuality, Status> {
    bench.runtime.block_on(bench.quality().get_network_quality(bench.as_vendor(tenant, request))).map(|r| r.into_inner())
}

fn at(tick_number: i64) -> GetNetworkQualityRequest {
    GetNetworkQualityRequest { as_of: proto(tick(tick_number)), ..Default::default() }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// 60 partners of very different sizes, and 40 that never did anything.
fn heavy_tailed(bench: &Bench) -> (String, Vec<Event>) {
    let mut events = vec![tier("p", "base", 1, 1_000), tier("p", "top", 2, 500_000)];
    for i in 0..100_i64 {
        let id = format!("a{i:03}");
        events.extend(agent(&id, NOW - 300 * DAY));
        if i < 60 {
            events.push(deal(&format!("d{i}"), &id, 1_000_000 / (i + 1), NOW - 10 * DAY));
        }
        if i < 5 {
            events.extend([campaign(&id, NOW - 5 * DAY), certification(&id, NOW - 50 * DAY)]);
        }
    }
    let tenant = bench.tenant();
    bench.deliver(&tenant, &events);
    (tenant, events)
}

#[test]
fn a_network_that_grows_without_activity_gets_worse() {
    let bench = bench();
    let tenant = bench.tenant();
    for i in 0..310 {
        let id = format!("a{i}");
        let mut events = agent(&id, if i < 280 { NOW - 200 * DAY } else { NOW - 10 * DAY });
        if i < 65 {
            events.push(deal(&format!("d{i}"), &id, 0, NOW - 40 * DAY));
        }
        bench.deliver(&tenant, &events);
    }
    let ratio = |tick| quality(&bench, &tenant, at(tick)).unwrap().headline.unwrap().active_ratio.unwrap();
    let (before, after) = (ratio(NOW - 20 * DAY), ratio(NOW));
    assert_eq!((before.numerator, before.denominator, after.numerator, after.denominator), (65, 280, 65, 310));
    assert_eq!(((before.value.unwrap() * 1e3).round(), (after.value.unwrap() * 1e3).round()), (232.0, 210.0));
}

#[test]
fn history_that_is_recorded_today_is_found_at_its_date() {
    let bench = bench();
    let tenant = bench.tenant();
    let mut events = agent("a", 10);
    events.push(deal("d", "a", 500, 20));
    for event in &mut events {
        event.recorded_time = proto(END - 1);
    }
    bench.deliver(&tenant, &events);
    let seen = quality(&bench, &tenant, at(30)).unwrap().headline.unwrap();
    assert_eq!((seen.enrolled_count, seen.active_count), (1, 1));
    assert_eq!(seen.channel_revenue.unwrap().total.unwrap().minor_units, 500);
    let unknown = GetNetworkQualityRequest { known_at: proto(tick(40)), ..at(30) };
    assert_eq!(quality(&bench, &tenant, unknown).unwrap().headline.unwrap().enrolled_count, 0);
    // Both cuts are exclusive.
    assert_eq!(quality(&bench, &tenant, at(20)).unwrap().headline.unwrap().active_count, 0);
    assert_eq!(quality(&bench, &tenant, at(10)).unwrap().headline.unwrap().enrolled_count, 0);
    // Nothing crosses tenants.
    assert_eq!(quality(&bench, &bench.tenant(), at(30)).unwrap().headline.unwrap().enrolled_count, 0);
}

#[test]
fn without_a_time_the_answer_includes_what_was_recorded_right_now() {
    let bench = bench();
    let tenant = bench.tenant();
    let mut events = agent("a", 10);
    events.iter_mut().for_each(|e| e.recorded_time = proto(END));
    bench.deliver(&tenant, &events);
    let report = quality(&bench, &tenant, GetNetworkQualityRequest::default()).unwrap();
    assert_eq!(report.headline.unwrap().enrolled_count, 1);
    assert_eq!((report.as_of, report.known_at), (proto(END + 1), proto(END + 1)));
    assert_eq!((report.window_days, report.definition_version.as_str()), (365, "default-1"));
    let shown = Positions::new(&PageKey::new(b"test"), &tenant, "onboard").seal(1);
    assert!(report.folded_positions.iter().any(|p| p.source == "onboard" && p.position == shown));
}

#[test]
fn the_partners_behind_a_number_are_paged_and_add_up() {
    let bench = bench();
    let (tenant, _) = heavy_tailed(&bench);
    let report = quality(&bench, &tenant, at(NOW)).unwrap().headline.unwrap();
    for (metric, listed, counted) in [
        (QualityMetric::Enrolled, report.enrolled_count, 0),
        (QualityMetric::Active, report.active_count, 0),
        (QualityMetric::ActiveRatio, report.enrolled_count, report.active_count),
        (QualityMetric::Concentration, 60, report.concentration.unwrap().top_count),
        (QualityMetric::Activation, 100, report.activation.unwrap().ratio.unwrap().numerator),
        (QualityMetric::ChannelRevenue, 60, 0),
    ] {
        let (mut token, mut found) = (String::new(), Vec::new());
        loop {
            let request = ListMetricPartnersRequest {
                metric: metric as i32,
                as_of: proto(tick(NOW)),
                page_size: 7,
                page_token: token,
                ..Default::default()
            };
            let answer =
                bench.runtime.block_on(bench.quality().list_metric_partners(bench.as_vendor(&tenant, request))).unwrap().into_inner();
            assert_eq!(answer.as_of, proto(tick(NOW)));
            found.extend(answer.metric_partners);
            token = answer.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found.len() as i64, listed, "{metric:?}");
        assert_eq!(found.iter().filter(|p| p.in_numerator).count() as i64, counted, "{metric:?}");
        let mut names: Vec<&str> = found.iter().map(|p| p.partner.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), found.len());
    }
}

#[test]
fn stages_come_with_reasons() {
    let bench = bench();
    let (tenant, _) = heavy_tailed(&bench);
    let request = ListPartnerSegmentsRequest { as_of: proto(tick(NOW)), page_size: 1000, ..Default::default() };
    let answer = bench.runtime.block_on(bench.segments().list_partner_segments(bench.as_vendor(&tenant, request))).unwrap().into_inner();
    let segment = |id: &str| answer.partner_segments.iter().find(|s| s.partner == format!("partners/{id}")).unwrap();
    let missing = |s: &PartnerSegment| s.reasons.iter().filter(|r| !r.met).map(|r| (r.rule, r.missing)).collect::<Vec<_>>();
    // 1,000,000 and 500,000 reach the threshold, 333,333 does not.
    assert_eq!((segment("a000").stage(), segment("a001").stage()), (NetworkStage::HighPerforming, NetworkStage::HighPerforming));
    assert_eq!((segment("a002").stage(), missing(segment("a002"))[0]), (NetworkStage::ActiveStandard, (2, Some(166_667))));
    assert_eq!((segment("a099").stage(), segment("a099").inactive_kind()), (NetworkStage::EnrolledInactive, InactiveKind::NeverActivated));
    let counts: Vec<i64> = answer.segment_counts.iter().map(|c| c.partner_count).collect();
    assert_eq!(counts, [40, 58, 2, 0]);

    let later = ListPartnerSegmentsRequest { as_of: proto(tick(NOW + 200 * DAY)), ..Default::default() };
    let answer = bench.runtime.block_on(bench.segments().list_partner_segments(bench.as_vendor(&tenant, later))).unwrap().into_inner();
    let dormant = &answer.partner_segments[0];
    assert_eq!((dormant.inactive_kind(), dormant.dormant_time), (InactiveKind::Dormant, proto(tick(NOW - 5 * DAY))));
    assert!(!answer.next_page_token.is_empty());
}

fn allocation(bench: &Bench, tenant: &str, policies: Vec<SegmentPolicy>) -> Result<Allocation, Status> {
    let budget =
        |resource: AllocationResource, unit_count| AllocationBudget { resource: resource as i32, unit_count, ..Default::default() };
    let request = ComputeAllocationRequest {
        budgets: vec![budget(AllocationResource::CamHours, 1_000), budget(AllocationResource::Mdf, 9_999_999)],
        policies,
        as_of: proto(tick(NOW)),
        page_size: 1000,
        ..Default::default()
    };
    bench.runtime.block_on(bench.allocation().compute_allocation(bench.as_vendor(tenant, request))).map(|r| r.into_inner())
}

#[test]
fn an_allocation_adds_up_to_the_budget_and_is_reproducible_to_the_byte() {
    let bench = bench();
    let (tenant, events) = heavy_tailed(&bench);
    let first = allocation(&bench, &tenant, Vec::new()).unwrap();
    for (i, plan) in first.plans.iter().enumerate() {
        assert_eq!(plan.segment_plans.iter().map(|s| s.unit_count).sum::<i64>() + plan.left_count, plan.unit_count);
        let own: i64 = first.partner_allocations.iter().map(|p| p.unit_counts[i]).sum();
        let pools: i64 = plan.segment_plans.iter().filter(|s| s.pooled).map(|s| s.unit_count).sum();
        assert_eq!(own + pools, plan.unit_count);
        assert_eq!(first.partner_allocations.iter().map(|p| p.uniform_counts[i]).sum::<i64>(), plan.unit_count);
        // Investment follows revenue more closely than uniform spending does.
        assert!(plan.misallocation < plan.uniform_misallocation);
        assert!(plan.top_share > plan.uniform_top_share);
    }
    assert_eq!(first.plans[1].currency_code, "USD");
    let known = first.known_at;
    let again = Allocation { known_at: known, ..allocation(&bench, &tenant, Vec::new()).unwrap() };
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    // The order in which the facts arrived does not matter. Another tenant sees the
    // same positions as other numbers.
    let other = bench.tenant();
    let reversed: Vec<Event> = events.into_iter().rev().collect();
    bench.deliver(&other, &reversed);
    let reversed = Allocation { folded_positions: first.folded_positions, ..allocation(&bench, &other, Vec::new()).unwrap() };
    assert_eq!(reversed.encode_to_vec(), again.encode_to_vec());
}

#[test]
fn an_impossible_allocation_says_why() {
    let bench = bench();
    let (tenant, _) = heavy_tailed(&bench);
    let standard = SegmentPolicy { segment: InvestmentSegment::ActiveStandard as i32, ..Default::default() };
    let floors = SegmentPolicy { floor: 1_000_000, ..standard };
    let refused = allocation(&bench, &tenant, vec![floors]).unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "FLOORS_EXCEED_BUDGET"));
    let refused = allocation(&bench, &tenant, vec![standard, standard]).unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "POLICY_INVALID"));
}

#[test]
fn a_partner_sees_its_own_activity_and_no_report() {
    let bench = bench();
    let tenant = bench.tenant();
    let mut events = agent("acme", 10);
    events.extend([partner("below", PartnerType::Agent, "", &["acme"], 10), enrollment("below", "p", "base", 10)]);
    events.extend(agent("other", 10));
    events.extend([deal("d", "acme", 0, NOW - 3 * DAY), campaign("acme", NOW - 2 * DAY)]);
    events.extend([portal("acme", "courses/intro", NOW - 30 * DAY), portal("acme", "courses/intro", NOW - DAY)]);
    bench.deliver(&tenant, &events);
    let get = |reach: Reach, id: &str| {
        let message = GetPartnerActivityRequest { name: format!("partners/{id}/activity"), as_of: proto(tick(NOW)), known_at: None };
        bench.runtime.block_on(bench.activity().get_partner_activity(bench.request(&tenant, reach, message))).map(|r| r.into_inner())
    };
    let acme = || Reach::Partner("acme".to_owned());
    let own = get(acme(), "acme").unwrap();
    assert!(own.enrolled && own.active && !own.engaged);
    assert_eq!((own.last_registration.unwrap().day_count, own.last_campaign.unwrap().day_count), (3, 2));
    assert_eq!((own.last_portal_day.unwrap().day_count, own.last_training), (1, None));
    assert_eq!(own.touched_elements.len(), 1);
    assert_eq!(own.touched_elements[0].first_touch_time, proto(tick(NOW - 30 * DAY)));
    assert!(get(acme(), "below").is_ok());
    for (reach, id) in [(acme(), "other"), (acme(), "nobody"), (Reach::Tenant, "nobody")] {
        assert_eq!(get(reach, id).unwrap_err().code(), Code::NotFound);
    }
    assert!(get(Reach::Tenant, "other").is_ok());
    let report = bench.request(&tenant, acme(), GetNetworkQualityRequest::default());
    let refused = bench.runtime.block_on(bench.quality().get_network_quality(report)).unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "SCOPE_EXCEEDED"));
}

#[test]
fn an_invalid_filter_is_refused() {
    let bench = bench();
    let request = GetNetworkQualityRequest { filter: "name = \"x\"".to_owned(), ..Default::default() };
    let refused = quality(&bench, &bench.tenant(), request).unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "FILTER_INVALID"));
    assert_eq!(refused.get_error_details().bad_request().unwrap().field_violations[0].field, "filter");
}

#[test]
fn a_frame_above_the_limit_answers_the_same_and_says_so() {
    let bench = bench();
    let small = Bench::new(100);
    let (tenant, events) = heavy_tailed(&bench);
    small.deliver(&tenant, &events);
    let kept = quality(&bench, &tenant, at(NOW)).unwrap();
    let built = quality(&small, &tenant, at(NOW)).unwrap();
    assert!(built.frame_exceeded && !kept.frame_exceeded);
    assert_eq!(built.headline, kept.headline);
}
