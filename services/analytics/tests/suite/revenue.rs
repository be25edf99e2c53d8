//! Corrections of revenue, and revenue that cannot be converted.

use stoa_events::Event;
use stoa_proto::{
    analytics::v1::{ChannelRevenue, GetNetworkQualityRequest, UnconvertedAmount},
    common::v1::Money,
    onboard::v1::PartnerType,
    sell::v1::Deal,
};

use crate::support::{
    Bench, bench,
    facts::{deal_version, enrollment, partner},
    world::{DAY, proto, tick},
};

fn revenue(bench: &Bench, tenant: &str, as_of: i64) -> ChannelRevenue {
    let request = GetNetworkQualityRequest { as_of: proto(tick(as_of)), ..Default::default() };
    let answer = bench.runtime.block_on(bench.quality().get_network_quality(bench.as_vendor(tenant, request)));
    answer.unwrap().into_inner().headline.unwrap().channel_revenue.unwrap()
}

fn total(bench: &Bench, tenant: &str, as_of: i64) -> i64 {
    revenue(bench, tenant, as_of).total.unwrap().minor_units
}

fn agent() -> Vec<Event> {
    vec![partner("a", PartnerType::Agent, "east", &[], 1), enrollment("a", "p", "base", 1)]
}

fn won(at: i64, minor_units: i64, currency: &str) -> Deal {
    Deal {
        name: "deals/d".into(),
        partner: "partners/a".into(),
        amount: Some(Money { minor_units, currency_code: currency.into() }),
        win_time: proto(tick(at)),
        ..Deal::default()
    }
}

#[test]
fn a_win_that_is_corrected_back_and_forth_counts_once() {
    let bench = bench();
    let tenant = bench.tenant();
    let deal = won(10 * DAY, 500, "USD");
    let lost = Deal { win_time: None, lose_time: deal.win_time, ..deal.clone() };
    let larger = won(10 * DAY, 700, "USD");
    let earlier = won(5 * DAY, 700, "USD");
    bench.deliver(&tenant, &agent());
    let versions = [(10, &deal), (20, &lost), (30, &deal), (40, &larger), (50, &earlier)];
    let events: Vec<Event> = (1..).zip(versions).map(|(version, (day, state))| deal_version(version, day * DAY, state)).collect();
    let seen = [1, 6, 11, 21, 31, 41, 51];
    let expected = |known: usize, totals: [i64; 7]| {
        bench.deliver(&tenant, &events[known - 1..known]);
        assert_eq!(seen.map(|day| total(&bench, &tenant, day * DAY)), totals, "{known} versions");
    };
    expected(1, [0, 0, 500, 500, 500, 500, 500]);
    expected(2, [0, 0, 500, 0, 0, 0, 0]);
    // The deal is won on day 10 again. That is recorded on day 30 and counts then.
    expected(3, [0, 0, 500, 0, 500, 500, 500]);
    expected(4, [0, 0, 500, 0, 500, 700, 700]);
    // A different day of the win moves the win. Corrections of money stay on their days.
    expected(5, [0, 500, 500, 0, 500, 700, 700]);
}

#[test]
fn direct_revenue_without_a_rate_is_listed_separately() {
    let bench = bench();
    let tenant = bench.tenant();
    let direct = Deal { partner: String::new(), name: "deals/direct".into(), ..won(10, 900, "EUR") };
    bench.deliver(&tenant, &agent());
    bench.deliver(&tenant, &[deal_version(1, 10, &won(10, 500, "EUR")), deal_version(1, 10, &direct)]);
    let revenue = revenue(&bench, &tenant, 20);
    let amount = |minor_units| UnconvertedAmount { currency_code: "EUR".into(), minor_units, share_count: 1 };
    assert_eq!((revenue.unconverted, revenue.direct_unconverted), (vec![amount(500)], vec![amount(900)]));
    assert_eq!((revenue.total.unwrap().minor_units, revenue.direct.unwrap().minor_units), (0, 0));
}
