//! For any network, order of delivery and cut, the service gives the same answer as
//! a plain recomputation from the raw events, to the last digit.

use proptest::prelude::*;
use stoa_events::Event;
use stoa_proto::analytics::v1::{Breakdown, GetNetworkQualityRequest, InvestmentSegment, ListPartnerSegmentsRequest, NetworkStage, RollUp};

use crate::support::{
    Bench, bench,
    plain::{
        Known, micros,
        report::{Question, View, report},
        stage::stages,
    },
    world::{DAY, END, LIFE, Rng, TICK, network, proto, tick},
};

type Filter = (&'static str, fn(&View) -> bool);

const FILTERS: [Filter; 6] = [
    ("", |_| true),
    ("type = AGENT", |v| v.kind == 12),
    ("territory = \"us-*\"", |v| v.territory.starts_with("us-")),
    ("program = \"programs/a\" AND NOT (vertical = \"health\")", |v| v.program == "programs/a" && v.vertical != "health"),
    ("tier != \"programs/a/tiers/gold\"", |v| v.tier != "programs/a/tiers/gold"),
    ("type = RESELLER OR territory = emea", |v| v.kind == 1 || v.territory == "emea"),
];
const BREAKDOWNS: [Breakdown; 4] = [Breakdown::Tier, Breakdown::Type, Breakdown::Territory, Breakdown::Vertical];

/// Delivers the events in random order, some twice, in several transactions with
/// reports between them.
fn deliver(bench: &Bench, rng: &mut Rng, tenant: &str, events: &[Event]) {
    let mut copies: Vec<Event> = events.iter().filter(|_| rng.chance(20)).cloned().collect();
    copies.extend(events.iter().cloned());
    rng.shuffle(&mut copies);
    for batch in copies.chunks(copies.len() / 3 + 1) {
        bench.deliver(tenant, batch);
        let request = bench.as_vendor(tenant, GetNetworkQualityRequest::default());
        bench.runtime.block_on(bench.quality().get_network_quality(request)).unwrap();
    }
}

/// A cut that coincides with a fact, or with the end of a window that starts with
/// one.
fn cut(rng: &mut Rng, events: &[Event]) -> (i64, i64) {
    let instant = |t: &Option<prost_types::Timestamp>| micros(t.as_ref()).unwrap();
    let days = *rng.pick(&[0, 1, 30, 60, 90, 90, 90, 180, 365, 1000]);
    let as_of = instant(&rng.pick(events).occurred_time) + (days * DAY + rng.below(2)) * TICK;
    let known_at = if rng.chance(50) { END } else { instant(&rng.pick(events).recorded_time) + rng.below(3) * TICK };
    // `known_at` must not be in the future.
    let known_at = known_at.min(END);
    (as_of, known_at)
}

fn check_report(bench: &Bench, rng: &mut Rng, tenant: &str, events: &[Event]) {
    let (as_of, known_at) = cut(rng, events);
    let (filter_text, filter) = *rng.pick(&FILTERS);
    let window_days = *rng.pick(&[0, 30, 90, 1000]);
    let (roll_up, k_count, k_share) = (rng.chance(30), *rng.pick(&[0, 0, 2]), *rng.pick(&[0, 3000]));
    let request = GetNetworkQualityRequest {
        as_of: proto(as_of),
        known_at: proto(known_at),
        window_days,
        breakdowns: BREAKDOWNS.map(|b| b as i32).to_vec(),
        filter: filter_text.to_owned(),
        roll_up: if roll_up { RollUp::Parent as i32 } else { 0 },
        concentration_basis_points: k_share,
        concentration_count: k_count,
        consistent_with: Vec::new(),
    };
    let answer = bench.runtime.block_on(bench.quality().get_network_quality(bench.as_vendor(tenant, request))).unwrap();
    let mut answer = answer.into_inner();
    answer.folded_positions.clear();
    let question = Question {
        window_days: if window_days == 0 { 365 } else { window_days.into() },
        roll_up,
        k_count: k_count.into(),
        k_share: if k_share == 0 { 1000 } else { k_share.into() },
        filter: &filter,
        filter_text: filter_text.to_owned(),
        breakdowns: BREAKDOWNS.to_vec(),
    };
    let expected = report(&Known::new(events, as_of, known_at), known_at, &question);
    assert_same(&answer, &expected);
}

/// Compares group by group, so that a difference is readable.
fn assert_same(answer: &stoa_proto::analytics::v1::NetworkQuality, expected: &stoa_proto::analytics::v1::NetworkQuality) {
    assert_eq!(answer.headline, expected.headline, "headline at {:?} known {:?}", answer.as_of, answer.known_at);
    let named = |q: &stoa_proto::analytics::v1::NetworkQuality| q.groups.iter().map(|g| (g.breakdown, g.value.clone())).collect::<Vec<_>>();
    assert_eq!(named(answer), named(expected));
    for (a, b) in answer.groups.iter().zip(&expected.groups) {
        assert_eq!(a, b);
    }
    assert_eq!(answer, expected);
}

fn check_segments(bench: &Bench, rng: &mut Rng, tenant: &str, events: &[Event]) {
    let (mut as_of, known_at) = cut(rng, events);
    as_of += *rng.pick(&[0, 1]);
    let request = ListPartnerSegmentsRequest { as_of: proto(as_of), known_at: proto(known_at), page_size: 1000, ..Default::default() };
    let answer = bench.runtime.block_on(bench.segments().list_partner_segments(bench.as_vendor(tenant, request))).unwrap().into_inner();
    let found: Vec<(String, NetworkStage)> = answer.partner_segments.iter().map(|s| (s.partner.clone(), s.stage())).collect();
    let expected: Vec<(String, NetworkStage)> = stages(events, as_of, known_at).into_iter().collect();
    assert_eq!(found, expected, "as of {as_of} known {known_at}");
    let high = answer.segment_counts.iter().find(|c| c.segment() == InvestmentSegment::HighPerforming).unwrap();
    assert_eq!(high.partner_count, expected.iter().filter(|(_, s)| *s == NetworkStage::HighPerforming).count() as i64);
}

#[test]
fn the_service_gives_the_same_answers_as_a_plain_recomputation() {
    let bench = bench();
    let config = ProptestConfig { cases: 240, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(seed in any::<u64>(), partners in 1_i64..9)| {
        let events = network(seed, partners);
        let (mut rng, tenant) = (Rng(seed ^ 1), bench.tenant());
        deliver(&bench, &mut rng, &tenant, &events);
        for _ in 0..5 {
            check_report(&bench, &mut rng, &tenant, &events);
        }
        check_segments(&bench, &mut rng, &tenant, &events);
    });
}

/// The generator covers the cases that the test is about.
#[test]
fn random_networks_have_late_and_corrected_facts() {
    let (mut late, mut corrected, mut back, mut direct, mut seen) = (0, 0, 0, 0, [0; 5]);
    for seed in 0..60 {
        let events = network(seed, 8);
        let at = |t: &Option<prost_types::Timestamp>| micros(t.as_ref()).unwrap();
        late += events.iter().filter(|e| at(&e.recorded_time) > at(&e.occurred_time)).count();
        corrected += events.iter().filter(|e| e.subject == "sell.deal.corrected").count();
        let known = Known::new(&events, tick(LIFE), END);
        for deal in known.deals.values() {
            let won: Vec<bool> = deal.iter().map(|said| said.state.win_time.is_some()).collect();
            let there = won.windows(2).position(|pair| pair == [true, false]);
            back += there.filter(|at| won[*at + 1..].contains(&true)).iter().count();
        }
        direct += known.earned(400).get("").map_or(0, |e| e.unconverted.len());
        for stage in stages(&events, tick(LIFE * 2 / 3), END).into_values() {
            seen[stage as usize] += 1;
        }
    }
    assert!(late > 100 && corrected > 50, "{late} late, {corrected} corrected");
    assert!(back > 50 && direct > 20, "{back} corrected there and back, {direct} direct without a rate");
    assert!(seen[1] > 20 && seen[2] > 20 && seen[3] > 2, "stages {seen:?}");
}
