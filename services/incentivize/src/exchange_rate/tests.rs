//! Rates through the API, on a store.

use prost_types::FieldMask;
use stoa_proto::incentivize::v1::{
    BatchCreateExchangeRatesRequest, CreateExchangeRateRequest, ExchangeRate, ExchangeRateUpdated, GetExchangeRateRequest,
    ListExchangeRatesRequest, UpdateExchangeRateRequest, exchange_rate_service_server::ExchangeRateService,
};

use crate::testing::{Bench, reason};

fn rate(base: &str, date: &str, rate_nanos: i64) -> ExchangeRate {
    ExchangeRate { base_currency: base.into(), quote_currency: "USD".into(), date: date.into(), rate_nanos, ..Default::default() }
}

#[tokio::test]
async fn a_rate_is_set_once() {
    let bench = Bench::new().await;
    let set = |nanos| CreateExchangeRateRequest { exchange_rate: Some(rate("EUR", "2026-01-31", nanos)), ..Default::default() };
    let first = bench.api.create_exchange_rate(bench.as_vendor(set(1_080_000_000))).await.unwrap().into_inner();
    bench.pass_days(1);
    let again = bench.api.create_exchange_rate(bench.as_vendor(set(1_080_000_000))).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(reason(bench.api.create_exchange_rate(bench.as_vendor(set(1_090_000_000))).await), "EXCHANGE_RATE_CONFLICT");
    assert_eq!(reason(bench.api.create_exchange_rate(bench.as_partner("acme", set(1))).await), "SCOPE_EXCEEDED");
    let subjects: Vec<String> = bench.events().await.into_iter().map(|e| e.subject).collect();
    assert_eq!(subjects, ["incentivize.exchange_rate.set"]);
}

#[tokio::test]
async fn a_bad_rate_does_not_take_its_neighbors_along() {
    let bench = Bench::new().await;
    let exchange_rates = vec![
        rate("EUR", "2026-01-30", 1_080_000_000),
        rate("QQQ", "2026-01-30", 1),
        rate("JPY", "2026-01-30", 0),
        rate("EUR", "2026-01-30", 1_090_000_000),
        rate("EUR", "2026-01-30", 1_080_000_000),
        rate("JPY", "2026-01-30", 6_600_000),
    ];
    let batch = || BatchCreateExchangeRatesRequest { exchange_rates: exchange_rates.clone(), ..Default::default() };
    let answer = bench.api.batch_create_exchange_rates(bench.as_vendor(batch())).await.unwrap().into_inner();
    assert_eq!((answer.created_count, answer.exchange_rates.len()), (2, 3));
    let rejections: Vec<_> = answer.rejections.iter().map(|r| (r.index, r.field.as_str(), r.reason.as_str())).collect();
    let expected =
        [(1, "base_currency", "CURRENCY_UNKNOWN"), (2, "rate_nanos", "INVALID_FIELD"), (3, "rate_nanos", "EXCHANGE_RATE_CONFLICT")];
    assert_eq!(rejections, expected);
    let again = bench.api.batch_create_exchange_rates(bench.as_vendor(batch())).await.unwrap().into_inner();
    assert_eq!(again.created_count, 0);
    let filter = "base_currency = \"EUR\" AND date <= \"2026-01-31\"".to_owned();
    let list = ListExchangeRatesRequest { filter, ..Default::default() };
    let listed = bench.api.list_exchange_rates(bench.as_partner("acme", list)).await.unwrap().into_inner().exchange_rates;
    assert_eq!(listed.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["exchangeRates/eur-usd-2026-01-30"]);
    let too_many = BatchCreateExchangeRatesRequest { exchange_rates: vec![rate("EUR", "2026-01-30", 1); 1001], ..Default::default() };
    assert_eq!(reason(bench.api.batch_create_exchange_rates(bench.as_vendor(too_many)).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_mistyped_rate_is_corrected() {
    let bench = Bench::new().await;
    let set = CreateExchangeRateRequest { exchange_rate: Some(rate("EUR", "2026-01-31", 10_800_000_000)), ..Default::default() };
    let typed = bench.api.create_exchange_rate(bench.as_vendor(set)).await.unwrap().into_inner();
    bench.pass_days(1);
    let to = |rate_nanos, etag: &str| UpdateExchangeRateRequest {
        exchange_rate: Some(ExchangeRate { name: typed.name.clone(), rate_nanos, etag: etag.into(), ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(reason(bench.api.update_exchange_rate(bench.as_partner("acme", to(1, ""))).await), "SCOPE_EXCEEDED");
    assert_eq!(reason(bench.api.update_exchange_rate(bench.as_vendor(to(1_080_000_000, "\"7\""))).await), "ETAG_MISMATCH");
    let corrected = bench.api.update_exchange_rate(bench.as_vendor(to(1_080_000_000, &typed.etag))).await.unwrap().into_inner();
    assert_eq!((corrected.rate_nanos, corrected.date.as_str(), corrected.etag.as_str()), (1_080_000_000, "2026-01-31", "\"2\""));
    assert_eq!(reason(bench.api.update_exchange_rate(bench.as_vendor(to(2, &typed.etag))).await), "ETAG_MISMATCH");
    let same = bench.api.update_exchange_rate(bench.as_vendor(to(1_080_000_000, ""))).await.unwrap().into_inner();
    assert_eq!(same, corrected, "the same rate again is no change");
    let get = GetExchangeRateRequest { name: typed.name.clone() };
    assert_eq!(bench.api.get_exchange_rate(bench.as_partner("acme", get)).await.unwrap().into_inner(), corrected);

    let other_date = UpdateExchangeRateRequest { update_mask: Some(FieldMask { paths: vec!["date".into()] }), ..to(1, "") };
    assert_eq!(reason(bench.api.update_exchange_rate(bench.as_vendor(other_date)).await), "UPDATE_MASK_INVALID");
    let missing = UpdateExchangeRateRequest {
        exchange_rate: Some(ExchangeRate { name: "exchangeRates/none".into(), rate_nanos: 1, ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(reason(bench.api.update_exchange_rate(bench.as_vendor(missing)).await), "NOT_FOUND");

    assert_eq!(bench.subjects().await, ["exchange_rate.set", "exchange_rate.updated"]);
    let event = &bench.events().await[1];
    let carried: ExchangeRateUpdated = stoa_events::decode(event).unwrap();
    assert_eq!((carried.exchange_rate, event.version), (Some(corrected), 2));
}
