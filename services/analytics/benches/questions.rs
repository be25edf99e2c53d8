//! How long folding and reports take: `cargo bench -p stoa-analytics`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints figures, or fails")]

#[path = "../tests/suite/support/mod.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "it belongs to the tests, which use the rest")]
mod support;

use std::time::Instant;

use stoa_events::Event;
use stoa_proto::{analytics::v1::GetNetworkQualityRequest, onboard::v1::PartnerType};
use support::{
    bench,
    facts::{deal, enrollment, partner, portal},
    world::{DAY, proto, tick},
};

const NOW: i64 = 400 * DAY;

fn main() {
    fold_twenty_thousand_events();
    report_on_ten_thousand_partners();
}

/// Prints how long folding takes as the store grows.
fn fold_twenty_thousand_events() {
    let bench = bench();
    let tenant = bench.tenant();
    for batch in 0..4_i64 {
        let start = Instant::now();
        for transaction in 0..20_i64 {
            let id = |n| format!("d{batch}-{transaction}-{n}");
            let events: Vec<Event> = (0..250).map(|n| deal(&id(n), "a", 100 + n, NOW - n)).collect();
            bench.deliver(&tenant, &events);
        }
        println!("fold: {:?} for 5,000 events", start.elapsed());
    }
}

/// Prints how long a report on 10,000 partners with 30 events each takes, cold
/// at first.
fn report_on_ten_thousand_partners() {
    let bench = bench();
    let tenant = bench.tenant();
    for chunk in 0..100_i64 {
        let mut events = Vec::new();
        for i in 0..100_i64 {
            let (id, at) = (format!("p{:05}", chunk * 100 + i), (chunk * 100 + i) % (300 * DAY));
            events.extend([partner(&id, PartnerType::Agent, "east", &[], at), enrollment(&id, "p", "base", at)]);
            events.extend((0..20).map(|n| deal(&format!("{id}-{n}"), &id, (i + n) * 100, (i * 37 + n * 71) % NOW)));
            events.extend((0..8).map(|n| portal(&id, "courses/intro", (i * 31 + n * 97) % NOW)));
        }
        bench.deliver(&tenant, &events);
    }
    let request = || GetNetworkQualityRequest {
        breakdowns: vec![1, 2, 3],
        as_of: proto(tick(NOW - 30 * DAY)),
        ..GetNetworkQualityRequest::default()
    };
    for run in 0..20 {
        let start = Instant::now();
        let answer = bench.runtime.block_on(bench.quality().get_network_quality(bench.as_vendor(&tenant, request())));
        let headline = answer.expect("a report").into_inner().headline.expect("a headline");
        println!("report, run {run}: {:?}, {} enrolled", start.elapsed(), headline.enrolled_count);
    }
}
